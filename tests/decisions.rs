//! What rules decide, asked from outside: before a change lands (`plan`), of one verdict (`why`), and over the past
//! (`backtest`). The world is the demo's.
//!
//! After a change of wording: `INSTA_UPDATE=always cargo test --test decisions`, then read the difference.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

#[path = "decisions/backtest.rs"]
mod backtest;

#[path = "decisions/plan.rs"]
mod plan;

#[path = "decisions/why.rs"]
mod why;

/// The present of the demo.
const PRESENT: &str = "2026-06-30T09:00:00Z";

/// What came of one call.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn told(&self) -> String {
        let code = self.code.map_or("a signal".to_owned(), |c| c.to_string());
        let trim = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        format!("exit {code}\n── out\n{}\n── err\n{}\n", trim(&self.out), trim(&self.err))
    }

    /// Every line of the output as a JSON object.
    fn objects(&self) -> Vec<Value> {
        let object = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e} in {line}"));
        self.out.lines().map(object).collect()
    }
}

/// Compares what was told with what is kept, temporary paths aside.
macro_rules! told {
    ($name:literal, $ran:expr) => {{
        let ran = &$ran;
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/decisions"));
        settings.set_omit_expression(true);
        settings.add_filter(r"/\S*/\.tmp[A-Za-z0-9]+", "FOLDER");
        settings.add_filter(r"commit [0-9a-f]{8}", "commit NUMBER");
        settings.add_filter(r#""commit":"[0-9a-f]{8}""#, r#""commit":"NUMBER""#);
        settings.bind(|| insta::assert_snapshot!($name, ran.told()));
    }};
}
use told;

fn program(program: &str, folder: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(program);
    command.current_dir(folder).args(arguments).env_clear().stdin(Stdio::null());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("COLUMNS", "100");
    for (name, value) in [
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("HOME", "/nonexistent"),
        ("GIT_AUTHOR_NAME", "Ada"),
        ("GIT_AUTHOR_EMAIL", "ada@example.com"),
        ("GIT_AUTHOR_DATE", "2026-05-04T10:00:00+0200"),
        ("GIT_COMMITTER_NAME", "Ada"),
        ("GIT_COMMITTER_EMAIL", "ada@example.com"),
        ("GIT_COMMITTER_DATE", "2026-05-04T10:00:00+0200"),
    ] {
        command.env(name, value);
    }
    let output = command.output().expect("the program starts");
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("UTF-8 on standard output"),
        err: String::from_utf8(output.stderr).expect("UTF-8 on standard error"),
    }
}

fn bylaws(folder: &Path, arguments: &[&str]) -> Ran {
    program(env!("CARGO_BIN_EXE_bylaws"), folder, arguments)
}

fn git(folder: &Path, arguments: &[&str]) {
    let ran = program("git", folder, arguments);
    assert_eq!(ran.code, Some(0), "git {arguments:?}: {}", ran.told());
}

/// The database of the demo, made once.
fn demo() -> &'static Path {
    static DEMO: OnceLock<TempDir> = OnceLock::new();
    let folder = DEMO.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let ran = bylaws(folder.path(), &["demo", "--db", "demo.db"]);
        assert_eq!(ran.code, Some(0), "{}", ran.told());
        // Only the file itself is copied.
        let db = rusqlite::Connection::open(folder.path().join("demo.db")).expect("opened");
        db.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(())).expect("one file");
        folder
    });
    folder.path()
}

/// The shipped rules and the demo's database in a folder of its own, in a repository with one commit.
fn portfolio() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::create_dir(folder.path().join("rules")).expect("made");
    for entry in fs::read_dir(root.join("rules")).expect("rules") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), folder.path().join("rules").join(entry.file_name())).expect("copied");
    }
    fs::copy(root.join("bylaws.toml"), folder.path().join("bylaws.toml")).expect("copied");
    fs::copy(demo().join("demo.db"), folder.path().join("demo.db")).expect("copied");
    git(folder.path(), &["init", "-q", "-b", "main"]);
    git(folder.path(), &["add", "rules", "bylaws.toml"]);
    git(folder.path(), &["commit", "-q", "-m", "The rules"]);
    folder
}

/// Puts one text in the place of another, which must be there once.
fn edit(folder: &TempDir, file: &str, from: &str, to: &str) {
    let path = folder.path().join(file);
    let text = fs::read_to_string(&path).expect("read");
    assert_eq!(text.matches(from).count(), 1, "`{from}` in {file}");
    fs::write(&path, text.replace(from, to)).expect("written");
}

/// Calls the program in a folder with the demo's database and present.
fn ask(folder: &TempDir, line: &str) -> Ran {
    let mut words: Vec<&str> = line.split(' ').collect();
    words.extend(["--db", "demo.db"]);
    bylaws(folder.path(), &words)
}
