//! `bylaws init`: the first files of a pack.

use std::path::{Path, PathBuf};

use clap::Args;

use super::output::Out;
use super::{Done, FINE, Fault};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The folder to begin in
    #[arg(default_value = ".")]
    folder: PathBuf,
}

const HOUSE: &str = include_str!("init/bylaws.toml");
const FIRST: &str = include_str!("init/first.bylaw");
const HOOK: &str = include_str!("init/pre-commit");

pub(super) fn run(options: &Options, out: &mut Out) -> Done {
    let files = [("bylaws.toml", HOUSE), ("rules/first.bylaw", FIRST)];
    let existing: Vec<&str> =
        files.iter().filter(|(name, _)| options.folder.join(name).exists()).map(|f| f.0).collect();
    if !existing.is_empty() {
        return Err(Fault::new(
            format!("{} {} there already", existing.join(" and "), if existing.len() == 1 { "is" } else { "are" }),
            "nothing was written; begin in another folder, or move the file away",
        ));
    }
    for (name, text) in files {
        write(&options.folder.join(name), text)?;
        out.line(format!("wrote {}", options.folder.join(name).display()))?;
    }
    let git = options.folder.join(".git");
    let hook = git.join("hooks/pre-commit");
    if git.is_dir() && !hook.exists() {
        write(&hook, HOOK)?;
        executable(&hook)?;
        out.line(format!("wrote {}: it checks and tests the rules before every commit", hook.display()))?;
    } else {
        let plain = options.folder.join("pre-commit");
        let why = if hook.exists() { "a pre-commit hook is there already" } else { "the folder is no Git repository" };
        if plain.exists() {
            out.line(format!("no hook was written: {why}"))?;
        } else {
            write(&plain, HOOK)?;
            executable(&plain)?;
            out.line(format!("wrote {} ({why}; copy it to .git/hooks/)", plain.display()))?;
        }
    }
    out.line("next: `bylaws check rules`, then `bylaws test rules`")?;
    Ok(FINE)
}

fn write(path: &Path, text: &str) -> Result<(), Fault> {
    let fault = |error: std::io::Error| {
        Fault::new(
            format!("{} cannot be written: {}", path.display(), crate::source::plain(&error)),
            "check who may write there",
        )
    };
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(fault)?;
    }
    std::fs::write(path, text).map_err(fault)
}

#[cfg(unix)]
fn executable(path: &Path) -> Result<(), Fault> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).map_err(|error| {
        Fault::new(format!("{} cannot be made executable: {error}", path.display()), "run `chmod +x` on it")
    })
}

#[cfg(not(unix))]
fn executable(_: &Path) -> Result<(), Fault> {
    Ok(())
}
