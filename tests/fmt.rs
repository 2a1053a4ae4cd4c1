//! The canonical form of rules: it keeps the meaning and every comment, and what has it stays as it is.
//!
//! After a change of the form: `INSTA_UPDATE=always cargo test --test fmt`, then read the difference.

mod common;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use bylaws::chance::Chance;
use bylaws::compile::{Compiled, compile_text};
use bylaws::lang::format::{WIDTH, format};
use common::{read, root, rule_files};

/// The files of one pack, and its house.
struct Files {
    name: String,
    files: Vec<(String, String)>,
    house: Option<String>,
}

fn files_of(name: &str, paths: &[PathBuf], house: Option<PathBuf>) -> Files {
    let files = paths.iter().map(|p| (p.display().to_string(), read(p))).collect();
    Files { name: name.to_owned(), files, house: house.map(|h| read(&h)) }
}

/// Every pack of the repository that compiles; the last are the single files of `tests/ui`.
fn packs() -> Vec<Files> {
    let root = root();
    let under = |folders: &[&str]| folders.iter().flat_map(|f| rule_files(&root.join(f))).collect::<Vec<_>>();
    let firms = root.join("examples/firms");
    let mut packs = vec![
        files_of("stage 39", &under(&["rules", "tests/rules"]), Some(root.join("bylaws.toml"))),
        files_of("firms", &under(&["examples/firms"]), Some(firms.join("bylaws.toml"))),
        files_of("meaning", &under(&["tests/meaning"]), None),
    ];
    for path in under(&["tests/ui"]) {
        let single = path.parent().and_then(Path::parent).is_some_and(|p| p.ends_with("ui"));
        let house = Some(path.with_extension("toml")).filter(|h| h.exists());
        let pack = files_of(&path.display().to_string(), &[path], house);
        if single && !pack.compile(&|_, text| text.to_owned()).is_refused() {
            packs.push(pack);
        }
    }
    packs
}

impl Files {
    fn compile(&self, change: &dyn Fn(&str, &str) -> String) -> Compiled {
        let texts: Vec<String> = self.files.iter().map(|(name, text)| change(name, text)).collect();
        let files: Vec<(&str, &str)> =
            self.files.iter().zip(&texts).map(|((name, _), text)| (&**name, &**text)).collect();
        compile_text(&files, self.house.as_deref())
    }

    fn meaning(&self, change: &dyn Fn(&str, &str) -> String) -> String {
        let compiled = self.compile(change);
        let told: Vec<&str> = compiled.diagnostics.iter().map(|d| &*d.message).collect();
        compiled.pack.unwrap_or_else(|| panic!("{} does not compile: {told:?}", self.name)).meaning()
    }
}

fn formatted(name: &str, text: &str) -> String {
    format(name, text).unwrap_or_else(|wrong| panic!("{name} does not read: {:?}\n{text}", wrong.1.first()))
}

/// Asserts that two texts are one without printing both.
fn assert_same(a: &str, b: &str, what: &str) {
    if a != b {
        let other = a.lines().zip(b.lines()).enumerate().find(|(_, (a, b))| a != b);
        panic!("{what}: {other:?}");
    }
}

fn comments(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut quoted = false;
        if let Some((at, _)) = line.char_indices().find(|(_, c)| {
            quoted ^= *c == '"';
            *c == '#' && !quoted
        }) {
            found.push(line[at..].trim_end().to_owned());
        }
    }
    // A comment in the middle of a line moves in front of it.
    found.sort();
    found
}

#[test]
fn the_form_keeps_meaning_and_comments_and_stays() {
    let packs = packs();
    assert!(packs.len() > 12, "only {} packs were found", packs.len());
    for pack in &packs {
        for (name, text) in &pack.files {
            let once = formatted(name, text);
            assert_same(&once, &formatted(name, &once), &format!("{name} is not settled"));
            assert_eq!(comments(text), comments(&once), "{name} lost a comment");
        }
        assert_same(&pack.meaning(&|_, t| t.to_owned()), &pack.meaning(&formatted), &pack.name);
    }
}

/// The comparison sees what it should and nothing else.
#[test]
fn another_value_is_another_meaning_and_another_place_is_none() {
    let pack = files_of("meaning", &rule_files(&root().join("tests/meaning")), None);
    let plain = pack.meaning(&|_, t| t.to_owned());
    assert_same(&plain, &pack.meaning(&|_, t| format!("# moved\n\n{t}")), "moved");
    for (from, to) in [("= $100,", "= $101,"), ("latest users", "first users"), ("is worth a look", "is worth it")] {
        assert!(plain != pack.meaning(&|_, t| t.replacen(from, to, 1)), "`{to}` is not seen");
    }
}

#[test]
fn the_rules_of_the_repository_have_the_form() {
    let root = root();
    for folder in ["rules", "tests/rules", "tests/meaning", "examples"] {
        for path in rule_files(&root.join(folder)) {
            let text = read(&path);
            assert!(formatted("a", &text) == text, "run `bylaws fmt {}`", path.display());
        }
    }
}

/// A text that does not read is told, and one that does is settled; nothing stops the program, however a file ends.
#[test]
fn every_text_is_formatted_or_told() {
    let mut texts: Vec<String> = rule_files(&root().join("tests/ui")).iter().map(|p| read(p)).collect();
    let long = read(&root().join("tests/rules/rollbacks.bylaw")) + &read(&root().join("rules/triggers.bylaw"));
    let mut chance = Chance::seeded(39);
    for _ in 0..if cfg!(debug_assertions) { 150 } else { 3_000 } {
        // A piece of the pack with a few characters gone or put in elsewhere.
        let lines: Vec<&str> = long.lines().collect();
        let from = (chance.draw() % (lines.len() as u64 - 12)) as usize;
        let mut text: Vec<char> = lines[from..from + 12].join("\n").chars().collect();
        for _ in 0..chance.draw() % 4 {
            let at = (chance.draw() % text.len() as u64) as usize;
            let put = ['"', '#', '(', ' ', '\n', ',', '\t', '≥', '\r', '-'][(chance.draw() % 10) as usize];
            if chance.draw().is_multiple_of(2) {
                text.remove(at);
            } else {
                text.insert(at, put);
            }
        }
        texts.push(text.into_iter().collect());
    }
    for text in &texts {
        match format("a.bylaw", text) {
            Ok(once) => assert_same(&once, &formatted("a.bylaw", &once), text),
            Err(wrong) => assert!(!wrong.1.is_empty(), "refused without a word:\n{text}"),
        }
    }
}

/// Only what cannot be broken is wider than the page.
#[test]
fn lines_are_broken_at_the_width_of_the_page() {
    for pack in packs() {
        for (name, text) in &pack.files {
            for line in formatted(name, text).lines().filter(|l| l.chars().count() > WIDTH) {
                assert!(line.contains('"') || line.contains('#') || line.contains("  "), "{name}: {line}");
            }
        }
    }
}

/// Written otherwise: other blanks, comments at the ends of lines, signs for words, other ends of lines.
fn disturbed(text: &str, chance: &mut Chance) -> String {
    let mut out = String::new();
    let mut table = false;
    for line in text.lines() {
        let body = line.trim_start();
        let indent = line.len() - body.len();
        if indent < 4 {
            table = ["given ", "write ", "remove "].iter().any(|w| body.starts_with(w));
        }
        if body.is_empty() || body.starts_with('#') || body.contains('#') {
            out.push_str(line);
            out.push('\n');
            continue;
        }
        let indent = match indent {
            0 => 0,
            1..=3 => 1 + (chance.draw() % 3) as usize,
            _ => 4 + (chance.draw() % 5) as usize,
        };
        let row = indent >= 4 && table;
        let mut body = body.to_owned();
        if !row && !body.contains('"') {
            for (words, signs) in [
                (" is at least ", &[" >= ", " ≥ ", " is  at  least "][..]),
                (" is at most ", &[" <= ", " ≤ "][..]),
                (" is above ", &[" > ", " >  "][..]),
                (" is below ", &[" < "][..]),
            ] {
                if chance.draw().is_multiple_of(2) {
                    body = body.replace(words, signs[(chance.draw() % signs.len() as u64) as usize]);
                }
            }
        }
        let mut quoted = false;
        let mut wide = String::new();
        for c in body.chars() {
            quoted ^= c == '"';
            wide.push(c);
            if c == ' ' && !quoted && !row && chance.draw().is_multiple_of(4) {
                wide.push_str(&" ".repeat(1 + (chance.draw() % 3) as usize));
            }
        }
        out.push_str(&" ".repeat(indent));
        out.push_str(&wide);
        if chance.draw().is_multiple_of(12) {
            out.push_str("   # said beside");
        }
        out.push('\n');
        if !row && chance.draw().is_multiple_of(15) {
            out.push_str(["\n", "\n\n\n", "# said between\n"][(chance.draw() % 3) as usize]);
        }
    }
    if chance.draw().is_multiple_of(3) { out.replace('\n', "\r\n") } else { out }
}

#[test]
fn what_is_written_otherwise_gets_the_same_form_and_meaning() {
    let packs = packs();
    let rounds = if cfg!(debug_assertions) { 2 } else { 20 };
    for (i, pack) in packs.iter().enumerate() {
        let plain = pack.meaning(&|_, t| t.to_owned());
        for round in 0..rounds {
            let seed = (i * 1_000 + round) as u64;
            let change = |name: &str, text: &str| {
                let mut chance = Chance::seeded(seed + name.len() as u64);
                let text = disturbed(text, &mut chance);
                let once = formatted(name, &text);
                assert_same(&once, &formatted(name, &once), &format!("seed {seed}: {name} is not settled"));
                assert_eq!(comments(&text), comments(&once), "seed {seed}: {name} lost a comment");
                assert!(!once.contains('\r') && !once.contains("\n\n\n"), "seed {seed}: {name}");
                once
            };
            assert_same(&plain, &pack.meaning(&change), &format!("{} with seed {seed}", pack.name));
        }
    }
}

// ── the program ──

const UNTIDY: &str = r#"# Ours.



contract ventures , each an venture

 because   "The   companies # we own."
   one row per id # the key
   # names
 id   id
  current_stage number , from 1 to 40
  status one of active,paused or sunset
metric busy = count of ventures # why
    # in between
    where status!=sunset and not (current_stage<>39)   # at its end
param most=$1.5M, from $0 to $20000000
  because "A limit."


  category money
trigger too_many "Too many"
  because "So."
  when (busy >= 1200 and busy<=12000 or busy > 5) and not (busy < 7) and busy = 3 and busy ≥ 1 and busy ≤ 2 and busy ≠ 100000000 and busy is 4
  check every 1 days
  record an venture with status = active,id = "x"
# below the last fact
  # and of the block

  # of nothing
test "It counts"
  given ventures # two
    id      status    current_stage
    # the first
      atlas  active    39   # here
    "a b"    paused  -
  expect too_many fired 1 times
  expect chairman and board was told about too_many
# the end"#;

/// As an editor on Windows writes it.
fn untidy() -> String {
    format!("\u{feff}{}", UNTIDY.replace('\n', "\r\n"))
}

fn program(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_bylaws"))
        .current_dir(folder)
        .args(arguments)
        .env_clear()
        .env("COLUMNS", "100")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("a way in").write_all(input.as_bytes()).expect("given");
    child.wait_with_output().expect("the program ends")
}

fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let lines = format!(
        "exit {}\n── out\n{}\n── err\n{}",
        output.status.code().unwrap_or(-1),
        text(&output.stdout),
        text(&output.stderr)
    );
    lines.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn snapshots() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("fmt");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

#[test]
fn untidy_rules_are_tidied_on_their_way_through() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = program(folder.path(), &["fmt", "-"], &untidy());
    snapshots().bind(|| insta::assert_snapshot!("untidy", told(&output)));
    let again = program(folder.path(), &["fmt", "-", "--check"], &String::from_utf8_lossy(&output.stdout));
    assert_eq!(again.status.code(), Some(0));
}

#[test]
fn check_and_diff_write_nothing_and_a_second_run_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = folder.path().join("rules");
    fs::create_dir(&rules).expect("made");
    let (untidy, broken, tidy) = (rules.join("a.bylaw"), rules.join("b.bylaw"), rules.join("c.bylaw"));
    fs::write(&untidy, "metric a  =  count of ventures\nmetric busy = sum of a over ventures where a >= 3\n")
        .expect("written");
    fs::write(&broken, "metric b = = 3\n").expect("written");
    fs::write(&tidy, "metric c = 3\n").expect("written");
    let before = read(&untidy);
    for arguments in [&["fmt", "--check"][..], &["fmt", "--diff"]] {
        let output = program(folder.path(), arguments, "");
        snapshots().bind(|| insta::assert_snapshot!(arguments[1].trim_start_matches('-'), told(&output)));
        assert_eq!(read(&untidy), before);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&untidy, fs::Permissions::from_mode(0o640)).expect("set");
    }
    let output = program(folder.path(), &["fmt"], "");
    snapshots().bind(|| insta::assert_snapshot!("written", told(&output)));
    assert_eq!(read(&broken), "metric b = = 3\n");
    assert_eq!(read(&untidy), formatted("a", &before));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&untidy).expect("there").permissions().mode() & 0o777, 0o640);
    }
    assert_eq!(fs::read_dir(&rules).expect("a folder").count(), 3, "something is left beside the files");
    fs::remove_file(&broken).expect("removed");
    let again = program(folder.path(), &["fmt"], "");
    assert_eq!((again.status.code(), &*again.stdout), (Some(0), &b""[..]));
}
