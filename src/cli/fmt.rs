//! `bylaws fmt`: rules in their canonical form.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::output::{DIM, GREEN, Out, RED};
use super::{Done, FINE, Fault, PackArgs, findings, world};
use crate::diagnostic::{Diagnostic, render};
use crate::lang::format::format;
use crate::source::Sources;
use crate::value::counted;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Write nothing; name the files that would change and exit 1 if there are any
    #[arg(long)]
    check: bool,
    /// Write nothing; show what would change and exit 1 if anything would
    #[arg(long)]
    diff: bool,
    #[command(flatten)]
    pack: PackArgs,
}

pub(super) fn run(options: &Options, out: &mut Out) -> Done {
    if options.pack.paths == [PathBuf::from("-")] {
        return piped(options, out);
    }
    let (sources, faults) = Sources::load(&options.pack.resolved());
    tell(&sources, &faults, out)?;
    if !faults.is_empty() {
        return Ok(world());
    }
    let (mut changed, mut unread) = (0usize, 0usize);
    for (_, file) in sources.iter() {
        let path = Path::new(&file.name);
        // The text as it lies there: a byte-order mark is no part of the source any more.
        let before = fs::read_to_string(path).map_err(|e| cannot(path, "read", &e))?;
        let after = match format(&file.name, &file.text) {
            Ok(after) => after,
            Err(wrong) => {
                tell(&wrong.0, &wrong.1, out)?;
                unread += 1;
                continue;
            }
        };
        if after == before {
            continue;
        }
        changed += 1;
        if options.diff {
            show_difference(&file.name, &before, &after, out)?;
        }
        if options.check || !options.diff {
            out.line(&file.name)?;
        }
        if !options.check && !options.diff {
            replace(path, &after)?;
        }
    }
    let untouched = format!("{} not touched: mend the findings above first\n", counted(unread, "file"));
    if unread > 0 {
        out.error(&untouched)?;
    }
    let asked = options.check || options.diff;
    Ok(if unread > 0 || asked && changed > 0 { findings() } else { FINE })
}

/// From standard input to standard output.
fn piped(options: &Options, out: &mut Out) -> Done {
    let mut bytes = Vec::new();
    std::io::stdin()
        .read_to_end(&mut bytes)
        .map_err(|e| Fault::new(format!("standard input cannot be read: {e}"), "give the rules on standard input"))?;
    let before = String::from_utf8(bytes)
        .map_err(|_| Fault::new("standard input is not UTF-8 text", "give the rules on standard input"))?;
    let after = match format("<stdin>", &before) {
        Ok(after) => after,
        Err(wrong) => {
            tell(&wrong.0, &wrong.1, out)?;
            return Ok(findings());
        }
    };
    if !options.check && !options.diff {
        out.text(&after)?;
        return Ok(FINE);
    }
    if options.diff {
        show_difference("<stdin>", &before, &after, out)?;
    } else if before != after {
        out.line("<stdin>")?;
    }
    Ok(if before == after { FINE } else { findings() })
}

fn tell(sources: &Sources, faults: &[Diagnostic], out: &mut Out) -> Result<(), Fault> {
    let style = out.diagnostics();
    for fault in faults {
        out.error(&render(fault, sources, style))?;
    }
    Ok(())
}

fn cannot(path: &Path, what: &str, error: &std::io::Error) -> Fault {
    Fault::new(
        format!("{} cannot be {what}: {}", path.display(), crate::source::plain(error)),
        "check who may read and write the file and its folder",
    )
}

/// Puts a text in the place of a file, whole or not at all: nobody ever reads half of it.
fn replace(path: &Path, text: &str) -> Result<(), Fault> {
    // A link stays a link; what it leads to is written anew.
    let target = path.canonicalize().map_err(|e| cannot(path, "read", &e))?;
    let folder = target.parent().unwrap_or(Path::new("."));
    let name = target.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = folder.join(format!(".{name}.{}.tmp", std::process::id()));
    let written = (|| {
        let permissions = fs::metadata(&target)?.permissions();
        let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(permissions)?;
        file.sync_all()?;
        fs::rename(&beside, &target)
    })();
    written.map_err(|e| {
        // Nothing is left beside the file; a fault of that would hide the first one.
        let _ = fs::remove_file(&beside);
        cannot(path, "written", &e)
    })
}

/// Lines around a change that are shown with it.
const AROUND: usize = 3;

/// One line of a comparison: in both, only before, only after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Both,
    Before,
    After,
}

fn show_difference(name: &str, before: &str, after: &str, out: &mut Out) -> Result<(), Fault> {
    let old: Vec<&str> = before.split_inclusive('\n').collect();
    let new: Vec<&str> = after.split_inclusive('\n').collect();
    let lines = compared(&old, &new);
    if lines.iter().all(|(side, _)| *side == Side::Both) {
        return Ok(());
    }
    out.line(out.paint(DIM, format!("--- {name}")))?;
    out.line(out.paint(DIM, format!("+++ {name}")))?;
    let near = |i: usize| {
        lines[i.saturating_sub(AROUND)..(i + AROUND + 1).min(lines.len())].iter().any(|(s, _)| *s != Side::Both)
    };
    let (mut a, mut b) = (0usize, 0usize);
    let mut i = 0;
    while i < lines.len() {
        if !near(i) {
            a += 1;
            b += 1;
            i += 1;
            continue;
        }
        let end = (i..lines.len()).find(|j| !near(*j)).unwrap_or(lines.len());
        let count = |side: Side| lines[i..end].iter().filter(|(s, _)| *s == Side::Both || *s == side).count();
        let (gone, come) = (count(Side::Before), count(Side::After));
        let first = |at: usize, n: usize| if n == 0 { at } else { at + 1 };
        let place = format!("@@ -{},{gone} +{},{come} @@", first(a, gone), first(b, come));
        out.line(out.paint(DIM, place))?;
        for (side, line) in &lines[i..end] {
            let line = line.strip_suffix('\n').unwrap_or(line);
            match side {
                Side::Both => out.line(format!(" {line}"))?,
                Side::Before => out.line(out.paint(RED, format!("-{line}")))?,
                Side::After => out.line(out.paint(GREEN, format!("+{line}")))?,
            }
        }
        a += gone;
        b += come;
        i = end;
    }
    Ok(())
}

/// Both texts as one list: the longest common lines stay, the others go or come.
fn compared<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<(Side, &'t str)> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let mut lines: Vec<(Side, &str)> = old[..head].iter().map(|l| (Side::Both, *l)).collect();
    // A table of both lengths is too large for two very long and very different texts: those are shown whole.
    if a.len().saturating_mul(b.len()) > 25_000_000 {
        lines.extend(a.iter().map(|l| (Side::Before, *l)));
        lines.extend(b.iter().map(|l| (Side::After, *l)));
    } else {
        let width = b.len() + 1;
        let mut common = vec![0u32; (a.len() + 1) * width];
        for i in (0..a.len()).rev() {
            for j in (0..b.len()).rev() {
                common[i * width + j] = if a[i] == b[j] {
                    common[(i + 1) * width + j + 1] + 1
                } else {
                    common[(i + 1) * width + j].max(common[i * width + j + 1])
                };
            }
        }
        let (mut i, mut j) = (0, 0);
        while i < a.len() || j < b.len() {
            if i < a.len() && j < b.len() && a[i] == b[j] {
                lines.push((Side::Both, a[i]));
                i += 1;
                j += 1;
            } else if i < a.len() && (j == b.len() || common[(i + 1) * width + j] >= common[i * width + j + 1]) {
                lines.push((Side::Before, a[i]));
                i += 1;
            } else {
                lines.push((Side::After, b[j]));
                j += 1;
            }
        }
    }
    lines.extend(old[old.len() - tail..].iter().map(|l| (Side::Both, *l)));
    lines
}
