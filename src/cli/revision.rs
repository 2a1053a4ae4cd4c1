//! Rules as a revision of the repository has them. Git is asked only here.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Fault;
use super::formats::Paths;

/// The rule files and the `bylaws.toml` of a revision.
pub(super) struct Revision {
    /// The rule files under the paths by the names that the repository has for them, with their texts.
    pub(super) files: Vec<(String, String)>,
    /// The text of bylaws.toml there.
    pub(super) house: Option<String>,
}

impl Revision {
    /// Reads the files under some paths as a revision has them.
    pub(super) fn read(
        rev: &str,
        named: &[PathBuf],
        paths: &Paths<'_>,
        house: Option<&str>,
    ) -> Result<Revision, Fault> {
        let root = paths.root();
        let known = format!("{rev}^{{commit}}");
        let commit =
            git(root, &["rev-parse", "--verify", "--quiet", "--end-of-options", &known])?.ok_or_else(|| {
                Fault::new(
                    format!("Git knows no revision `{rev}`"),
                    "name a commit, branch or tag, such as `HEAD` or `origin/main`; a shallow clone may lack it: \
                 `git fetch --unshallow`",
                )
            })?;
        let commit = commit.trim();
        let list = git(root, &["ls-tree", "-r", "-z", "--name-only", "--full-tree", commit])?.unwrap_or_default();
        let named: Vec<String> = named.iter().map(|path| paths.stable(path)).collect();
        let within = |file: &str| {
            named.iter().any(|path| {
                path.is_empty() || file == path || file.strip_prefix(path.as_str()).is_some_and(|r| r.starts_with('/'))
            })
        };
        let show = |file: &str| git(root, &["show", &format!("{commit}:{file}")]);
        let mut files = Vec::new();
        for file in list.split('\0').filter(|file| file.ends_with(".bylaw") && within(file)) {
            files.push((file.to_owned(), show(file)?.unwrap_or_default()));
        }
        let house = match house.filter(|file| list.split('\0').any(|known| known == *file)) {
            Some(file) => show(file)?,
            None => None,
        };
        Ok(Revision { files, house })
    }
}

/// Whether a folder lies in a repository.
pub(super) fn is_repository(folder: &Path) -> Result<bool, Fault> {
    Ok(git(folder, &["rev-parse", "--git-dir"])?.is_some())
}

/// The last commit that touched a line.
pub(super) struct Blame {
    /// Its number, abbreviated.
    pub(super) commit: String,
    /// Who wrote it.
    pub(super) author: String,
    /// When, as a day of the author's own clock.
    pub(super) day: String,
}

/// Who last touched a line of a file, from 1; nothing where no commit did, or where there is no repository.
pub(super) fn blame(file: &Path, line: usize) -> Option<Blame> {
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = file.file_name()?.to_str()?;
    let range = format!("{line},{line}");
    let said = git(folder, &["blame", "--porcelain", "-L", &range, "--", name]).ok()??;
    let commit = said.split_whitespace().next().filter(|c| c.bytes().any(|b| b != b'0'))?;
    let of = |key: &str| said.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix(' '));
    let seconds: i64 = of("author-time")?.parse().ok()?;
    let offset = of("author-tz").and_then(offset).unwrap_or(jiff::tz::Offset::UTC);
    let day = offset.to_datetime(jiff::Timestamp::from_second(seconds).ok()?).date().to_string();
    Some(Blame { commit: commit.chars().take(8).collect(), author: of("author")?.to_owned(), day })
}

/// `+0130` as Git writes a time zone.
fn offset(text: &str) -> Option<jiff::tz::Offset> {
    let number: i32 = text.parse().ok()?;
    jiff::tz::Offset::from_seconds((number / 100 * 60 + number % 100) * 60).ok()
}

/// What Git says; nothing when it says that it cannot.
fn git(root: &Path, arguments: &[&str]) -> Result<Option<String>, Fault> {
    let run = Command::new("git").arg("-C").arg(root).args(arguments).output();
    let output = run.map_err(|error| {
        Fault::new(
            format!("git cannot be run: {}", crate::source::plain(&error)),
            "revisions are asked of Git: install it, or leave the revision out",
        )
    })?;
    Ok(output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
}
