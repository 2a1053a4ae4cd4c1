//! What other programs and other tools get: reports in their forms, lints, waivers, pages, and what a change answers
//! for; all of it from outside.
//!
//! After a change of wording: `INSTA_UPDATE=always cargo test --test reports`, then read the difference.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const SCHEMA: &str = include_str!("schemas/sarif-schema-2.1.0.json");

const RULES: &str = "\
contract ventures, each a venture
  because \"The companies we own.\"
  one row per id
  id      id
  status  one of active, paused or sunset

metric active = count of ventures where status is active

trigger few_left \"Few ventures, <fewer> & 100% of them\", per venture
  because \"A portfolio of one is none.\"
  when active is below 3
  check daily at 07:00
  tell chairman
";

const WAIVER: &str = "  waive B0407 until 2027-01-31 by chairman because \"The board decides in January.\"\n";

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
    folder
}

fn command(program: &str, folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.current_dir(folder).args(words).env_clear().env("PATH", "/usr/bin:/bin").env("COLUMNS", "100");
    command.env("HOME", folder).env("GIT_CONFIG_NOSYSTEM", "1");
    command.output().expect("the program starts")
}

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(folder: &TempDir, words: &[&str]) -> Ran {
    let output = command(env!("CARGO_BIN_EXE_bylaws"), folder.path(), words);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

impl Ran {
    fn told(&self) -> String {
        let code = self.code.map_or("a signal".to_owned(), |c| c.to_string());
        let trim = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        format!("exit {code}\n── out\n{}\n── err\n{}\n", trim(&self.out), trim(&self.err))
    }
}

fn git(folder: &TempDir, words: &[&str]) {
    let mut all = vec!["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"];
    all.extend(words);
    let output = command("git", folder.path(), &all);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A repository with rules in its first commit.
fn repository(files: &[(&str, &str)]) -> TempDir {
    let folder = folder(files);
    git(&folder, &["init", "-q"]);
    git(&folder, &["add", "-A"]);
    git(&folder, &["commit", "-q", "-m", "first"]);
    folder
}

// ── explain ──

#[test]
fn a_code_is_explained() {
    let folder = folder(&[]);
    insta::assert_snapshot!("explained", run(&folder, &["explain", "b0301"]).told());
}

#[test]
fn headings_are_bold_where_colours_are_wanted() {
    let folder = folder(&[]);
    let plain = run(&folder, &["explain", "B0301"]);
    let painted = run(&folder, &["explain", "B0301", "--color", "always"]);
    assert!(!plain.out.contains('\u{1b}') && painted.out.contains("\u{1b}[1mWhy it matters\u{1b}[0m"));
}

#[test]
fn an_unknown_code_is_exit_2() {
    let folder = folder(&[]);
    insta::assert_snapshot!("unknown_code", run(&folder, &["explain", "B0310x"]).told());
    assert_eq!(run(&folder, &["explain"]).code, Some(2));
}

#[test]
fn all_codes_are_listed() {
    let folder = folder(&[]);
    insta::assert_snapshot!("listed", run(&folder, &["explain", "--list"]).told());
    let lines = run(&folder, &["explain", "--list", "--format", "json"]).out;
    let list: Vec<Value> = lines.lines().map(|l| serde_json::from_str(l).expect("an object")).collect();
    assert_eq!(list.len(), bylaws::diagnostic::Code::ALL.len());
    assert!(list.iter().all(|l| l["summary"].is_string() && l["severity"].is_string() && l["what"].is_null()));
    let one: Value = serde_json::from_str(&run(&folder, &["explain", "B0301", "--format", "json"]).out).expect("one");
    assert!(["what", "why", "wrong", "instead"].iter().all(|part| one[part].is_string()));
}

// ── lint ──

#[test]
fn lint_shows_lints_alone() {
    let wrong = format!("{RULES}\nmetric broken = count of nothing\n");
    let folder = folder(&[("rules/a.bylaw", &wrong)]);
    insta::assert_snapshot!("lint_of_a_refused_pack", run(&folder, &["lint", "rules"]).told());
    fs::write(folder.path().join("rules/a.bylaw"), RULES).expect("written");
    insta::assert_snapshot!("lint", run(&folder, &["lint", "rules"]).told());
}

#[test]
fn a_lint_is_denied_noted_or_off() {
    let level = |level: &str| format!("[lints]\nB0407 = \"{level}\"\n");
    let folder = folder(&[("rules/a.bylaw", RULES)]);
    for (word, code, told) in [("deny", 1, true), ("warn", 0, true), ("note", 0, true), ("off", 0, false)] {
        fs::write(folder.path().join("bylaws.toml"), level(word)).expect("written");
        for command in ["check", "lint"] {
            let ran = run(&folder, &[command, "rules"]);
            assert_eq!((ran.code, ran.err.contains("B0407")), (Some(code), told), "{word} {command}");
        }
    }
}

#[test]
fn a_waiver_holds_until_its_day() {
    let rules = format!("{RULES}{WAIVER}");
    let folder = folder(&[("rules/a.bylaw", &rules)]);
    insta::assert_snapshot!("waived", run(&folder, &["check", "rules", "--today", "2027-01-31"]).told());
    insta::assert_snapshot!("waiver_over", run(&folder, &["check", "rules", "--today", "2027-02-01"]).told());
    assert_eq!(run(&folder, &["check", "rules", "--today", "soon"]).code, Some(2));
}

// ── SARIF ──

fn sarif(ran: &Ran) -> Value {
    let log: Value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}", ran.out));
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let faults: Vec<String> = validator.iter_errors(&log).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    log
}

#[test]
fn the_schema_refuses_what_is_no_sarif() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    assert!(!validator.is_valid(&serde_json::json!({"version": "2.1.0", "runs": [{"results": []}]})));
}

#[test]
fn every_ui_case_makes_valid_sarif() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = TempDir::new().expect("a folder");
    for item in fs::read_dir(root.join("tests/ui")).expect("read").map(|e| e.expect("an entry").path()) {
        let words = ["check", &*item.to_string_lossy(), "--format", "sarif", "--today", "2026-03-02"];
        let ran = run(&folder, &words);
        let log = sarif(&ran);
        for result in log["runs"][0]["results"].as_array().expect("results") {
            let index = result["ruleIndex"].as_u64().expect("an index") as usize;
            assert_eq!(log["runs"][0]["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
            let uri = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
            assert!(uri.as_str().is_none_or(|uri| uri.starts_with("tests/ui/")), "{uri}");
        }
    }
}

#[test]
fn sarif_names_files_as_the_repository_does() {
    let twice = format!("{RULES}\nmetric active = count of ventures\n");
    let folder = repository(&[("deep/my rules/a.bylaw", &twice)]);
    let whole = sarif(&run(&folder, &["check", "deep", "--format", "sarif"]));
    let output = command(
        env!("CARGO_BIN_EXE_bylaws"),
        &folder.path().join("deep"),
        &["check", "../deep/my rules/a.bylaw", "--format", "sarif"],
    );
    let inside: Value = serde_json::from_slice(&output.stdout).expect("a log");
    assert_eq!(whole, inside);
    insta::assert_snapshot!("sarif", format!("{:#}", whole["runs"][0]["results"]));
}

#[test]
fn a_waived_finding_is_suppressed_in_sarif() {
    let rules = format!("{RULES}{WAIVER}");
    let folder = folder(&[("rules/a.bylaw", &rules)]);
    let log = sarif(&run(&folder, &["check", "rules", "--format", "sarif", "--today", "2027-01-01"]));
    let results = log["runs"][0]["results"].as_array().expect("results");
    let waived = results.iter().find(|r| r["ruleId"] == "B0407").expect("told");
    assert_eq!(waived["suppressions"][0]["kind"], "inSource");
}

// ── JUnit ──

/// What the schema of Ant's JUnit task demands, and that the counts are right.
fn junit(ran: &Ran) -> (usize, usize) {
    let document = roxmltree::Document::parse(&ran.out).unwrap_or_else(|e| panic!("{e}: {}", ran.out));
    let children = |node: roxmltree::Node<'_, '_>| -> Vec<String> {
        node.children().filter(|n| n.is_element()).map(|n| n.tag_name().name().to_owned()).collect()
    };
    let root = document.root_element();
    assert_eq!(root.tag_name().name(), "testsuites");
    let (mut tests, mut failures) = (0, 0);
    for suite in root.children().filter(|n| n.is_element()) {
        assert_eq!(suite.tag_name().name(), "testsuite");
        let given: Vec<&str> = suite.attributes().map(|a| a.name()).collect();
        let needed = ["name", "package", "id", "timestamp", "hostname", "tests", "failures", "errors", "time"];
        assert_eq!(given, needed);
        assert_eq!(suite.attribute("timestamp").map(str::len), Some("2026-03-02T09:00:00".len()));
        let parts = children(suite);
        assert_eq!((parts.first().map(String::as_str)), Some("properties"));
        assert_eq!(parts[parts.len() - 2..], ["system-out", "system-err"]);
        let cases: Vec<_> = suite.children().filter(|n| n.has_tag_name("testcase")).collect();
        assert_eq!(cases.len() + 3, parts.len());
        for case in &cases {
            let given: Vec<&str> = case.attributes().map(|a| a.name()).collect();
            assert_eq!(given, ["name", "classname", "time"]);
            assert!(case.attribute("time").is_some_and(|t| t.parse::<f64>().is_ok()));
            let inside = children(*case);
            assert!(inside.is_empty() || inside == ["failure"]);
            if let Some(failure) = case.first_element_child() {
                assert!(failure.attribute("type").is_some() && failure.attribute("message").is_some());
                failures += 1;
            }
        }
        tests += cases.len();
        let counted = |name: &str| suite.attribute(name).and_then(|n| n.parse::<usize>().ok());
        assert_eq!((counted("tests"), counted("failures")), (Some(cases.len()), Some(failures)));
    }
    (tests, failures)
}

#[test]
fn findings_as_junit() {
    let wrong = format!("{RULES}\nmetric broken = count of nothing\nmetric worse = sum of \"<&>\"\n");
    let folder = folder(&[("rules/a.bylaw", &wrong), ("rules/b.bylaw", "# nothing\n")]);
    assert_eq!(junit(&run(&folder, &["check", "rules", "--format", "junit"])), (3, 2));
    fs::write(folder.path().join("rules/a.bylaw"), RULES).expect("written");
    assert_eq!(junit(&run(&folder, &["lint", "rules", "--format", "junit"])), (2, 0));
}

const TESTS: &str = "
test \"One venture, <one> & only\"
  now is 2026-03-02
  given ventures
    id     status
    atlas  active
  expect active is 1

test \"Two: 100% of them\"
  now is 2026-03-02
  given ventures
    id     status
    atlas  active
  expect active is 2
";

#[test]
fn tests_in_every_form() {
    let rules = format!("{RULES}{TESTS}");
    let folder = repository(&[("rules/a.bylaw", &rules)]);
    let report = |format: &str| run(&folder, &["test", "rules", "--format", format]);
    assert_eq!(junit(&report("junit")), (2, 1));
    assert_eq!(report("junit").code, Some(1));
    insta::assert_snapshot!("test_sarif", format!("{:#}", sarif(&report("sarif"))["runs"][0]["results"]));
    insta::assert_snapshot!("test_github", report("github").told());
}

// ── GitHub ──

#[test]
fn findings_as_workflow_commands() {
    let wrong = format!("{RULES}\nmetric broken = count of nothing,\n    100%\n");
    let folder = repository(&[("rules/a,b: c.bylaw", &wrong)]);
    insta::assert_snapshot!("github", run(&folder, &["check", "rules", "--format", "github"]).told());
}

// ── changed since ──

/// Two rules with a bare number each.
fn second(name: &str, n: u32) -> String {
    format!(
        "trigger {name} \"Many\"\n  because \"Many are many.\"\n  when active is above {n}\n  check daily\n  tell chairman\n"
    )
}

#[test]
fn only_what_a_change_answers_for_is_shown() {
    let folder = repository(&[("rules/a.bylaw", RULES), ("rules/b.bylaw", &second("many", 9))]);
    let since = |words: &[&str]| run(&folder, &[&["check", "rules", "--changed-since", "HEAD"], words].concat());
    let count = |ran: &Ran| ran.err.matches("B0407\n").count();
    insta::assert_snapshot!("nothing_changed", since(&[]).told());

    fs::write(folder.path().join("rules/b.bylaw"), second("many", 8)).expect("written");
    insta::assert_snapshot!("one_changed", since(&[]).told());

    fs::write(folder.path().join("rules/b.bylaw"), second("many", 9)).expect("written");
    fs::rename(folder.path().join("rules/b.bylaw"), folder.path().join("rules/z.bylaw")).expect("renamed");
    assert_eq!(count(&since(&[])), 0, "a file that is renamed has not changed");

    fs::write(folder.path().join("rules/new.bylaw"), second("more", 7)).expect("written");
    assert_eq!(count(&since(&[])), 1, "a file that Git does not know is new");
}

#[test]
fn what_a_removal_breaks_elsewhere_is_shown() {
    let folder = repository(&[("rules/a.bylaw", RULES), ("rules/b.bylaw", &second("many", 9))]);
    let without = RULES.replace("metric active = count of ventures where status is active\n", "");
    fs::write(folder.path().join("rules/a.bylaw"), without).expect("written");
    let ran = run(&folder, &["check", "rules", "--changed-since", "HEAD"]);
    assert_eq!((ran.code, ran.err.contains("B0201")), (Some(1), true), "{}", ran.err);
}

#[test]
fn an_unknown_revision_is_exit_2() {
    let known = repository(&[("rules/a.bylaw", RULES)]);
    insta::assert_snapshot!("unknown_revision", run(&known, &["check", "rules", "--changed-since", "nowhere"]).told());
    let sly = run(&known, &["check", "rules", "--changed-since=--output=x"]);
    assert_eq!(sly.code, Some(2));
    let none = folder(&[("rules/a.bylaw", RULES)]);
    assert_eq!(run(&none, &["check", "rules", "--changed-since", "HEAD"]).code, Some(2));
}
