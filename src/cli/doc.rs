//! `bylaws doc`: the pages of a pack, written to a folder or held against it.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;

use super::output::Out;
use super::{Done, FINE, Fault, PackArgs, findings};
use crate::doc::{MARK, Page, pages};
use crate::source::plain;
use crate::value::counted;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The folder for the pages; it is made where it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write nothing; name the pages that are not as the rules have them and exit 1 if there are any
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    pack: PackArgs,
}

/// What is the matter with a page in the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Matter {
    Missing,
    Differs,
    /// It was written for rules that have nothing for it any more.
    Stale,
}

impl Matter {
    fn found(self) -> &'static str {
        match self {
            Matter::Missing => "missing",
            Matter::Differs => "differs",
            Matter::Stale => "stale",
        }
    }

    fn mended(self) -> &'static str {
        match self {
            Matter::Missing | Matter::Differs => "wrote",
            Matter::Stale => "removed",
        }
    }
}

pub(super) fn run(options: &Options, out: &mut Out) -> Done {
    let (_, pack) = match options.pack.pack(out) {
        Ok(found) => found,
        Err(code) => return Ok(code),
    };
    let folder = &options.out;
    let written = pages(&pack);
    // All of the folder is looked at before any of it is touched.
    let mut wrong: Vec<(PathBuf, Matter, Option<&Page>)> = Vec::new();
    for page in &written {
        let path = folder.join(page.name);
        let matter = match read(&path)? {
            None => Matter::Missing,
            Some(text) if !is_ours(&text) => return Err(foreign(&path)),
            // A checkout may have given the lines other ends.
            Some(text) if text.replace("\r\n", "\n") == page.text => continue,
            Some(_) => Matter::Differs,
        };
        wrong.push((path, matter, Some(page)));
    }
    let names: BTreeSet<&str> = written.iter().map(|page| page.name).collect();
    wrong.extend(stale(folder, &names)?.into_iter().map(|path| (path, Matter::Stale, None)));
    if options.check {
        return told(options, &wrong, out);
    }
    fs::create_dir_all(folder).map_err(|e| cannot(folder, "made", &e))?;
    for (path, matter, page) in &wrong {
        match page {
            Some(page) => fs::write(path, &page.text).map_err(|e| cannot(path, "written", &e))?,
            None => fs::remove_file(path).map_err(|e| cannot(path, "removed", &e))?,
        }
        out.line(format!("{} {}", matter.mended(), path.display()))?;
    }
    let all = counted(written.len(), "page");
    let place = folder.display();
    out.line(match wrong.len() {
        0 => format!("{all} in {place}, all of them as the rules have them already"),
        _ => format!("{all} in {place}; begin with {}", folder.join("README.md").display()),
    })?;
    Ok(FINE)
}

fn told(options: &Options, wrong: &[(PathBuf, Matter, Option<&Page>)], out: &mut Out) -> Done {
    let place = options.out.display();
    if wrong.is_empty() {
        out.line(format!("{place} is as the rules have it"))?;
        return Ok(FINE);
    }
    for (path, matter, _) in wrong {
        out.line(format!("{}: {}", path.display(), matter.found()))?;
    }
    let mut again = vec!["bylaws doc".to_owned()];
    again.extend(options.pack.paths.iter().map(|path| path.display().to_string()));
    again.extend(options.pack.config.iter().map(|file| format!("--config {}", file.display())));
    again.push(format!("--out {place}"));
    let verb = if wrong.len() == 1 { "is" } else { "are" };
    out.error(&format!(
        "{} {verb} not as the rules have {}\n  help: run `{}` and commit what it writes\n",
        counted(wrong.len(), "page"),
        if wrong.len() == 1 { "it" } else { "them" },
        again.join(" ")
    ))?;
    Ok(findings())
}

/// The text of a file; nothing where there is none.
fn read(path: &Path) -> Result<Option<String>, Fault> {
    match fs::read(path) {
        // What is no text is not ours either.
        Ok(bytes) => Ok(Some(String::from_utf8(bytes).unwrap_or_default())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot(path, "read", &error)),
    }
}

fn is_ours(text: &str) -> bool {
    text.lines().next() == Some(MARK)
}

/// Pages that were written here before and are written no more. Whatever else lies in the folder is left alone.
fn stale(folder: &Path, names: &BTreeSet<&str>) -> Result<Vec<PathBuf>, Fault> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(cannot(folder, "listed", &error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| cannot(folder, "listed", &e))?.path();
        let named = path.file_name().and_then(|n| n.to_str()).is_some_and(|name| names.contains(name));
        let page = path.extension().is_some_and(|e| e == "md") && path.is_file();
        // A file that cannot be read is not known to be ours.
        if !named && page && fs::read_to_string(&path).is_ok_and(|text| is_ours(&text)) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn foreign(path: &Path) -> Fault {
    Fault::new(
        format!("{} was not written by `bylaws doc`, and is left as it is", path.display()),
        "move it away, or name another folder with --out",
    )
}

fn cannot(path: &Path, what: &str, error: &std::io::Error) -> Fault {
    Fault::new(
        format!("{} cannot be {what}: {}", path.display(), plain(error)),
        "name a folder with --out in which you may write",
    )
}
