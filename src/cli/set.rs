//! `bylaws set`, `reset` and `profile`: params changed by name, checked before they are written, and committed.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{Args, Subcommand};

use super::formats::Report;
use super::output::{DIM, Out};
use super::{Done, FINE, Fault, Format, PackArgs, check, now};
use crate::compile::{Compiled, compile_edited};
use crate::diagnostic::{Severity, nearest};
use crate::lang::item::param::Param;
use crate::lang::item::settings::Profile;
use crate::lang::pack::Pack;
use crate::lang::waiver::Today;
use crate::tuning::{self, Edit};

#[derive(Debug, Args)]
pub(super) struct Set {
    /// The param
    name: String,
    /// Its new value with its unit, such as 30%, $5,000, "72 hours" or high
    value: String,
    /// Why it changes; kept beside the value
    #[arg(long, value_name = "TEXT")]
    because: String,
    #[command(flatten)]
    commit: Commit,
    #[command(flatten)]
    pack: Rules,
}

#[derive(Debug, Args)]
pub(super) struct Reset {
    /// The param
    #[arg(required_unless_present = "all")]
    name: Option<String>,
    /// Every param that is set
    #[arg(long, conflicts_with = "name")]
    all: bool,
    #[command(flatten)]
    commit: Commit,
    #[command(flatten)]
    pack: Rules,
}

#[derive(Debug, Args)]
pub(super) struct Profiles {
    #[command(subcommand)]
    command: ProfileCommand,
}

#[derive(Debug, Subcommand)]
enum ProfileCommand {
    /// Show what a profile would change, or every profile
    Show {
        /// The profile
        name: Option<String>,
        /// How it is written
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
        #[command(flatten)]
        pack: Rules,
    },
    /// Put a profile in force: one `set` line for each of its values
    Apply {
        /// The profile
        name: String,
        /// Why; else the profile is named
        #[arg(long, value_name = "TEXT")]
        because: Option<String>,
        #[command(flatten)]
        commit: Commit,
        #[command(flatten)]
        pack: Rules,
    },
}

/// Which rules are changed.
#[derive(Debug, Args)]
struct Rules {
    /// Folder or file of rules [default: the paths of bylaws.toml, else `rules`]
    #[arg(long = "rules", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The bylaws.toml to use [default: the nearest at or above the first path]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Rules {
    fn pack(&self) -> PackArgs {
        PackArgs { paths: self.paths.clone(), config: self.config.clone() }
    }
}

#[derive(Debug, Args)]
struct Commit {
    /// Only write the file; commit nothing
    #[arg(long)]
    no_commit: bool,
    /// Who changes it, as "Name <mail>" [default: the identity of Git]
    #[arg(long, value_name = "WHO")]
    author: Option<String>,
}

pub(super) fn set(options: &Set, out: &mut Out) -> Done {
    let args = options.pack.pack();
    let (compiled, pack) = match args.pack(out) {
        Ok(found) => found,
        Err(code) => return Ok(code),
    };
    let param = param(&pack, &options.name)?;
    let edit =
        Edit::Set { name: param.name.to_string(), value: written(&options.value)?, because: reason(&options.because)? };
    change(&args, &compiled, &pack, &[edit], &options.because, &options.commit, out)
}

pub(super) fn reset(options: &Reset, out: &mut Out) -> Done {
    let args = options.pack.pack();
    let (compiled, pack) = match args.pack(out) {
        Ok(found) => found,
        Err(code) => return Ok(code),
    };
    let names = match &options.name {
        Some(name) => vec![param(&pack, name)?.name.to_string()],
        None => tuning::settings(&compiled.sources),
    };
    let edits: Vec<Edit> = names.into_iter().map(|name| Edit::Reset { name }).collect();
    change(&args, &compiled, &pack, &edits, "back to the default", &options.commit, out)
}

pub(super) fn profiles(options: &Profiles, out: &mut Out) -> Done {
    match &options.command {
        ProfileCommand::Show { name, format, pack: rules } => {
            let (_, pack) = match rules.pack().pack(out) {
                Ok(found) => found,
                Err(code) => return Ok(code),
            };
            let shown: Vec<&Profile> = match name {
                Some(name) => vec![profile(&pack, name)?],
                None => pack.profiles.iter().collect(),
            };
            show(&pack, &shown, *format, out)
        }
        ProfileCommand::Apply { name, because, commit, pack: rules } => {
            let args = rules.pack();
            let (compiled, pack) = match args.pack(out) {
                Ok(found) => found,
                Err(code) => return Ok(code),
            };
            let profile = profile(&pack, name)?;
            let because = reason(&because.clone().unwrap_or_else(|| format!("profile {name}")))?;
            let edits: Vec<Edit> = profile
                .values
                .iter()
                .map(|(id, value, span)| {
                    let param = &pack.params[id.index()];
                    // As it is written there: what is shown to people may be rounded.
                    let text = compiled.sources.file(span.file).text.get(span.start as usize..span.end as usize);
                    let text =
                        text.and_then(|t| t.split_once('=')).map(|(_, v)| v.split(" because ").next().unwrap_or(v));
                    let value = text.map_or_else(|| value.show(&param.ty), |v| v.trim().to_owned());
                    Edit::Set { name: param.name.to_string(), value, because: because.clone() }
                })
                .collect();
            change(&args, &compiled, &pack, &edits, &because, commit, out)
        }
    }
}

fn param<'p>(pack: &'p Pack, name: &str) -> Result<&'p Param, Fault> {
    pack.params.iter().find(|p| &*p.name == name).ok_or_else(|| {
        let help = nearest(name, pack.params.iter().map(|p| &*p.name))
            .unwrap_or_else(|| "`bylaws show all` counts what there is".to_owned());
        Fault::new(format!("no param is called `{name}`"), help)
    })
}

fn profile<'p>(pack: &'p Pack, name: &str) -> Result<&'p Profile, Fault> {
    pack.profiles.iter().find(|p| &*p.name == name).ok_or_else(|| {
        let names: Vec<&str> = pack.profiles.iter().map(|p| &*p.name).collect();
        let help = nearest(name, names.iter().copied()).unwrap_or_else(|| match &names[..] {
            [] => "these rules have no profiles".to_owned(),
            names => format!("profiles are {}", crate::value::listed(names, "and")),
        });
        Fault::new(format!("no profile is called `{name}`"), help)
    })
}

/// A value that stays one value on its line.
fn written(value: &str) -> Result<String, Fault> {
    let value = value.trim();
    if value.is_empty() || value.contains(['\n', '\r', '#', '"']) {
        let help = "write it as in a rule: 30%, $5,000, \"72 hours\" or high";
        return Err(Fault::new(format!("`{}` is no value", value.escape_debug()), help));
    }
    Ok(value.to_owned())
}

/// A reason that stays within its quotes.
fn reason(because: &str) -> Result<String, Fault> {
    let because = because.trim();
    if because.is_empty() || because.contains(['\n', '\r', '"']) {
        let help = "write one sentence on one line, without quotes in it";
        return Err(Fault::new(format!("`{}` is no reason", because.escape_debug()), help));
    }
    Ok(because.to_owned())
}

fn show(pack: &Pack, profiles: &[&Profile], format: Format, out: &mut Out) -> Done {
    for profile in profiles {
        let values: Vec<(&Param, String)> = profile
            .values
            .iter()
            .map(|(id, value, _)| {
                let param = &pack.params[id.index()];
                (param, value.show(&param.ty))
            })
            .collect();
        match format {
            Format::Json => {
                for ((param, value), (_, exact, _)) in values.iter().zip(&profile.values) {
                    let line = serde_json::json!({"v": 1, "profile": &*profile.name, "param": &*param.name, "value": value,
                        "in_force": param.value.show(&param.ty), "default": param.default.show(&param.ty),
                        "changes": param.value != *exact});
                    out.line(line.to_string())?;
                }
            }
            Format::Human => {
                let title = profile.title.as_ref().map(|t| format!(" \"{t}\"")).unwrap_or_default();
                out.line(format!("{}{title}", profile.name))?;
                let width = values.iter().map(|(p, _)| p.name.len()).max().unwrap_or(0);
                for (param, value) in values {
                    let now = param.value.show(&param.ty);
                    let what = if now == value { format!("{now}, as it is") } else { format!("{now} → {value}") };
                    out.line(format!("  {:width$}  {what}", param.name))?;
                }
            }
        }
    }
    Ok(FINE)
}

/// Checks the pack with the changes, writes them and commits them: all of it or nothing.
fn change(
    args: &PackArgs,
    compiled: &Compiled,
    pack: &Pack,
    edits: &[Edit],
    why: &str,
    commit: &Commit,
    out: &mut Out,
) -> Done {
    let paths = args.resolved();
    let files = tuning::edited(&compiled.sources, &paths, edits);
    let mut after = compile_edited(&paths, args.config.as_deref(), Today::At(now()), &files);
    let Some(then) = &after.pack else {
        // What was to be seen before the change is not its doing.
        after.diagnostics.retain(|d| d.severity() == Severity::Error);
        let code = check::refuse(&after, out, Report::Human)?;
        out.error("nothing was written\n")?;
        return Ok(code);
    };
    let mut changes = Vec::new();
    for edit in edits {
        let find = |pack: &'_ Pack| {
            pack.params.iter().find(|p| &*p.name == edit.name()).map(|p| (p.value.clone(), p.value.show(&p.ty)))
        };
        if let (Some((a, before)), Some((b, now))) = (find(pack), find(then))
            && a != b
        {
            changes.push(format!("{} {before} → {now}", edit.name()));
        }
    }
    if changes.is_empty() {
        out.line("nothing changes: these values are in force already")?;
        return Ok(FINE);
    }
    let repository = if commit.no_commit { None } else { clean_repository(&files)? };
    if let Err(fault) = write(&files) {
        put_back(compiled, &files)?;
        return Err(fault);
    }
    for change in &changes {
        out.line(change)?;
    }
    for (path, _) in &files {
        out.line(out.paint(DIM, format!("wrote {}", path.display())))?;
    }
    match repository {
        Some(folder) => match committed(&folder, &files, &changes, why, commit.author.as_deref()) {
            Ok(id) => out.line(out.paint(DIM, format!("committed as {id}")))?,
            Err(fault) => {
                put_back(compiled, &files)?;
                return Err(fault);
            }
        },
        None if commit.no_commit => {}
        None => out.line(out.paint(DIM, "not committed: the rules lie in no Git repository"))?,
    }
    Ok(FINE)
}

/// Gives files the text they had: what is half done must not stay.
fn put_back(compiled: &Compiled, files: &[(PathBuf, String)]) -> Result<(), Fault> {
    for (path, _) in files {
        match compiled.sources.iter().find(|(_, file)| Path::new(&file.name) == path) {
            Some((_, file)) if std::fs::read_to_string(path).is_ok_and(|now| now == file.text) => {}
            Some((_, file)) => write(&[(path.clone(), file.text.clone())])?,
            // It was not there before.
            None => {
                let _ = std::fs::remove_file(path);
            }
        }
    }
    Ok(())
}

fn write(files: &[(PathBuf, String)]) -> Result<(), Fault> {
    for (path, text) in files {
        let fault = |error: std::io::Error| {
            Fault::new(
                format!("{} cannot be written: {}", path.display(), crate::source::plain(&error)),
                "check who may write there",
            )
        };
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(fault)?;
        }
        // Whoever reads meanwhile sees the old text or the new one, never a part.
        let beside = path.with_extension("bylaw.new");
        std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, path)).map_err(|error| {
            let _ = std::fs::remove_file(&beside);
            fault(error)
        })?;
    }
    Ok(())
}

fn git(folder: &Path, args: &[&str]) -> Result<std::process::Output, Fault> {
    Command::new("git").arg("-C").arg(folder).args(args).output().map_err(|error| {
        Fault::new(
            format!("git cannot be run: {}", crate::source::plain(&error)),
            "install it, or leave the commit to yourself with --no-commit",
        )
    })
}

/// The folder of the repository the files lie in; refused where it has changes that somebody has not committed.
fn clean_repository(files: &[(PathBuf, String)]) -> Result<Option<PathBuf>, Fault> {
    let Some((first, _)) = files.first() else { return Ok(None) };
    let folder = first.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = folder.ancestors().find(|f| f.is_dir()).unwrap_or(Path::new(".")).to_owned();
    let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
    if !git(&folder, &["rev-parse", "--is-inside-work-tree"])?.status.success() {
        return Ok(None);
    }
    let status = git(&folder, &["status", "--porcelain", "--untracked-files=no"])?;
    let changed = String::from_utf8_lossy(&status.stdout);
    let mut names = changed.lines().filter_map(|l| l.get(3..));
    if let Some(name) = names.next() {
        let more = match names.count() {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        return Err(Fault::new(
            format!("the repository has changes that are not committed: {name}{more}"),
            "commit or put them aside first, or leave the commit to yourself with --no-commit; nothing was written",
        ));
    }
    Ok(Some(folder))
}

fn committed(
    folder: &Path,
    files: &[(PathBuf, String)],
    changes: &[String],
    why: &str,
    author: Option<&str>,
) -> Result<String, Fault> {
    let names: Vec<String> = files
        .iter()
        .map(|(path, _)| std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string())
        .collect();
    let with_files = |args: &[&str]| -> Vec<String> {
        args.iter().map(|a| (*a).to_owned()).chain(["--".to_owned()]).chain(names.iter().cloned()).collect()
    };
    let run = |args: Vec<String>| -> Result<std::process::Output, Fault> {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        git(folder, &args)
    };
    let refused = |output: &std::process::Output| {
        let said = String::from_utf8_lossy(&output.stderr);
        let first = said.lines().find(|l| !l.trim().is_empty()).unwrap_or("git gave no reason").trim().to_owned();
        Fault::new(
            format!("the change was not committed: {first}"),
            "nothing was changed; mend that, or leave the commit to yourself with --no-commit",
        )
    };
    let added = run(with_files(&["add"]))?;
    if !added.status.success() {
        return Err(refused(&added));
    }
    let title = match changes {
        [one] => one.clone(),
        many => format!("{} parameters", many.len()),
    };
    let mut message = format!("{title}\n\n{why}\n");
    if changes.len() > 1 {
        message.push_str(&format!("\n{}\n", changes.join("\n")));
    }
    let author = author.map(|a| format!("--author={a}"));
    let mut args = vec!["commit", "--quiet", "--message", &message];
    args.extend(author.as_deref());
    let done = run(with_files(&args))?;
    if !done.status.success() {
        let _ = run(with_files(&["reset", "--quiet"]))?;
        return Err(refused(&done));
    }
    let id = git(folder, &["rev-parse", "--short", "HEAD"])?;
    Ok(String::from_utf8_lossy(&id.stdout).trim().to_owned())
}
