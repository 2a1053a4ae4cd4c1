//! What `bylaws test` says of tests, from outside: the tables of what failed, coverage, small changes, boundary tests.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

const RULES: &str = "\
contract ventures, each a venture
  because \"Ours.\"
  one row per id
  id       id
  status   one of active or sunset
  revenue  money

param least = $100, from $10 to $1,000
  because \"Below this a venture needs help.\"

metric revenue_of_venture per venture = sum of revenue in ventures

threshold enough on revenue_of_venture
  because \"It should live.\"
  target is at least least

trigger low \"Revenue is low\", per venture
  because \"It needs help.\"
  when status is active and revenue_of_venture is below least
  check daily at 07:00
  mode auto
  tell chairman
  set status to sunset in ventures
  once within 1 day
  depth at most 3

";

const TEST: &str = "\
test \"A poor venture is reported\"
  now is 2026-03-02 09:00
  given ventures
    id  status  revenue
    a   active  $99
    b   active  $100
    c   sunset  $1
  expect low is firing for a
  expect low is armed for b
  expect low is armed for c
";

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(folder: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bylaws"));
    let output = command.current_dir(folder).args(arguments).env("NO_COLOR", "1").output().expect("the program starts");
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        err: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

fn pack(tests: &str) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("a.bylaw"), format!("{RULES}{tests}")).expect("written");
    folder
}

fn of(tests: &str, arguments: &[&str]) -> Ran {
    let folder = pack(tests);
    run(folder.path(), &[&["test", "a.bylaw"], arguments].concat())
}

fn json(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_failure_shows_every_key() {
    let wrong = format!("{TEST}  expect revenue_of_venture of b is $101\n  expect enough is met for a\n");
    let ran = of(&wrong, &[]);
    assert_eq!(ran.code, Some(1));
    for line in [
        "venture  expected  found",
        "  a                  $99",
        "› b        $101      $100",
        "› a        met       breached",
    ] {
        assert!(ran.out.contains(line), "{line}\n{}", ran.out);
    }
    let told = json(&of(&wrong, &["--format", "json"]).out);
    assert_eq!(told[0]["failures"][0]["table"]["wrong"], 1);
    assert_eq!(told[0]["failures"][0]["table"]["rows"][1][2], "$100");
}

#[test]
fn steps_that_were_and_were_not_carried_out_are_told_apart() {
    let lines = |lines: &str| format!("{TEST}{lines}");
    let right =
        lines("  expect low to set status in ventures for a\n  expect low not to set status in ventures for b\n");
    assert_eq!(of(&right, &[]).code, Some(0), "{}", of(&right, &[]).out);
    let wrong = of(&lines("  expect low to set status in ventures for b\n"), &[]);
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.out.contains("low has not carried out this `set` for b"), "{}", wrong.out);
    assert!(wrong.out.contains("step 2  set"), "{}", wrong.out);
    let wrong = of(&lines("  expect low not to set status in ventures for a\n"), &[]);
    assert!(wrong.out.contains("low did carry out this `set` for a"), "{}", wrong.out);
    let none = of(&lines("  expect low to set revenue in ventures for a\n"), &[]);
    assert_eq!(none.code, Some(1));
    assert!(none.err.contains("`low` has no such step"), "{}", none.err);
    assert!(none.err.contains("set status in ventures"), "{}", none.err);
}

#[test]
fn tests_are_chosen_by_title_and_by_rule() {
    let two =
        format!("{TEST}\ntest \"Another\"\n  begins as \"A poor venture is reported\"\n  expect enough is met for b\n");
    for (filter, count) in [("poor", 1), ("low", 1), ("enough", 1), ("o", 2)] {
        let ran = of(&two, &["--filter", filter]);
        assert!(ran.out.contains(&format!("{count} passed")), "{filter}: {}", ran.out);
    }
    let ran = of(&two, &["--filter", "nothing of this name"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("there is no test to run"), "{}", ran.err);
}

#[test]
fn coverage_lists_what_no_test_reaches() {
    let ran = of(TEST, &["--coverage"]);
    assert_eq!(ran.code, Some(0));
    for line in [
        "rules that no test reaches",
        "a.bylaw:13 threshold enough: judged",
        "branches that no test reaches",
        "trigger low: a firing clears",
    ] {
        assert!(ran.out.contains(line), "{line}\n{}", ran.out);
    }
    assert!(!ran.out.contains("trigger low: fires"), "{}", ran.out);
    assert!(!ran.out.contains("step 2 (`set`)"), "{}", ran.out);
    assert_eq!(of(TEST, &["--coverage", "--min-coverage", "10%"]).code, Some(1), "a rule is not judged");
    let told = json(&of(TEST, &["--coverage", "--format", "json"]).out);
    assert!(told[0]["rules"]["percent"].as_u64().is_some_and(|p| p < 100));
    assert!(told[1..].iter().all(|line| line["line"].as_u64().is_some()));
}

#[test]
fn a_test_on_the_boundary_notices_and_one_beside_it_does_not() {
    let ran = of(TEST, &["--mutate", "--filter", "low"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(!ran.out.contains("is at most"), "the boundary is tested: {}", ran.out);
    assert!(
        ran.out.contains("a.bylaw:23 low: `step 2 (`set`)` was dropped: the one test that looks there"),
        "{}",
        ran.out
    );
    let beside = TEST.replace("$100", "$150");
    let ran = of(&beside, &["--mutate", "--filter", "low", "--min-score", "100%"]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.out.contains("`revenue_of_venture is below least` became `revenue_of_venture is at most least`"),
        "{}",
        ran.out
    );
    let ran = of(&beside, &["--mutate", "--filter", "least"]);
    assert!(ran.out.contains("`least = $100` became `least = $101`"), "{}", ran.out);
}

#[test]
fn tests_that_fail_cannot_notice_changes() {
    let ran = of(&format!("{TEST}  expect low is armed for a\n"), &["--mutate"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("1 test fail"), "{}", ran.err);
}

#[test]
fn generated_tests_pass_and_stand_on_the_boundary() {
    let folder = pack("");
    for rule in ["low", "enough"] {
        let ran = run(folder.path(), &["test", "a.bylaw", "--generate", rule, "--write", &format!("{rule}.bylaw")]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
    }
    let text = fs::read_to_string(folder.path().join("low.bylaw")).expect("written");
    for part in ["a person must confirm", "$99", "$100", "$101", "set least = $10", "set least = $1,000", "is unknown"]
    {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let ran = run(folder.path(), &["test", "a.bylaw", "low.bylaw", "enough.bylaw"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    let ran =
        run(folder.path(), &["test", "a.bylaw", "low.bylaw", "--mutate", "--filter", "least", "--min-score", "100%"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    let again = run(folder.path(), &["test", "a.bylaw", "--generate", "low", "--write", "low.bylaw"]);
    assert_eq!(again.code, Some(2), "what is there is not overwritten");
    assert_eq!(run(folder.path(), &["test", "a.bylaw", "--generate", "lwo"]).code, Some(2));
}

#[test]
fn the_tests_of_the_pack_judge_every_rule() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ran = run(root, &["test", "rules", "tests/rules", "--coverage", "--min-coverage", "85%", "--format", "json"]);
    let told = json(&ran.out);
    assert_eq!(told[0]["rules"]["percent"], 100, "{}", ran.out);
    assert_eq!(ran.code, Some(0), "{}", told[0]);
}
