//! Params changed by name: one line in a file, one commit in a repository, or nothing at all.

use super::*;

const RULES: &str = "\
# What we bear.
param limit = 30%, from 10% to 60%
  because \"So much we bear.\"

param goal = 20%, from 5% to 40%
  because \"So much we want.\"

param style = plain, one of plain or grand
  because \"How we write.\"

require goal is at most limit
  because \"What is wanted is also borne.\"

profile bold \"For brave times\"
  because \"Fortune favours the bold.\"
  set limit = 60%
  set goal  = 37.5%  # a half more than half of half

contract ventures, each a venture
  because \"Ours.\"
  one row per id
  id     id
  share  percent

metric mean_share = average of share over ventures
metric mood
  is good when mean_share is below goal
  is grim when style is grand
  is bad otherwise

threshold calm on mean_share
  because \"Calm is good.\"
  target is at most goal
  acceptable is at most limit

report moods
  because \"How it goes.\"
  show mood
";

const SETTINGS: &str = "# Settings, newest last.\nset limit = 35% because \"First try\"  # agreed in May\n";

fn git(folder: &TempDir, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder.path())
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"])
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/bin:/bin:/usr/local/bin")
        .output()
        .expect("git starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn pack() -> TempDir {
    let folder = folder();
    fs::create_dir(folder.path().join("rules")).expect("made");
    fs::write(folder.path().join("rules/a.bylaw"), RULES).expect("written");
    fs::write(folder.path().join("rules/settings.bylaw"), SETTINGS).expect("written");
    folder
}

fn repository() -> TempDir {
    let folder = pack();
    git(&folder, &["init", "--quiet"]);
    git(&folder, &["config", "user.name", "Ada"]);
    git(&folder, &["config", "user.email", "ada@example.com"]);
    git(&folder, &["add", "--all"]);
    git(&folder, &["commit", "--quiet", "--message", "The rules"]);
    folder
}

fn settings(folder: &TempDir) -> String {
    fs::read_to_string(folder.path().join("rules/settings.bylaw")).expect("read")
}

fn call(folder: &TempDir, arguments: &[&str]) -> Ran {
    run(folder.path(), arguments)
}

#[test]
fn set_changes_one_line_and_commits_it() {
    let folder = repository();
    let ran = call(&folder, &["set", "limit", "45%", "--because", "We can bear more"]);
    assert_eq!(ran.code, Some(0), "{}", ran.told());
    assert!(ran.out.starts_with("limit 35% → 45%\n"), "{}", ran.out);
    let expected = "# Settings, newest last.\nset limit = 45% because \"We can bear more\"  # agreed in May\n";
    assert_eq!(settings(&folder), expected);
    assert_eq!(git(&folder, &["log", "-1", "--format=%an: %s / %b"]).trim(), "Ada: limit 35% → 45% / We can bear more");
    assert_eq!(git(&folder, &["show", "--stat", "--format=", "HEAD"]).matches(" | ").count(), 1);
    assert_eq!(git(&folder, &["status", "--porcelain"]), "");
    let by = ["set", "style", "grand", "--because", "For the board", "--author", "Bob <bob@example.com>"];
    assert_eq!(call(&folder, &by).code, Some(0));
    assert_eq!(git(&folder, &["log", "-1", "--format=%an"]).trim(), "Bob");
    assert!(settings(&folder).ends_with("set style = grand because \"For the board\"\n"));
    let again = call(&folder, &["set", "style", "grand", "--because", "For the board"]);
    assert_eq!((again.code, &*again.out), (Some(0), "nothing changes: these values are in force already\n"));
}

#[test]
fn what_check_refuses_is_not_written() {
    let folder = repository();
    for arguments in [
        ["set", "limit", "90%", "--because", "More"],
        ["set", "limit", "$5", "--because", "More"],
        ["set", "goal", "36%", "--because", "More than is borne"],
        ["set", "style", "baroque", "--because", "More"],
        ["set", "limit", "40% # more", "--because", "More"],
        ["set", "limit", "40%", "--because", "\"more\""],
        ["set", "limt", "40%", "--because", "More"],
    ] {
        let ran = call(&folder, &arguments);
        assert_ne!(ran.code, Some(0), "{arguments:?} {}", ran.told());
        assert_eq!(settings(&folder), SETTINGS, "{arguments:?}");
    }
    told!("set_refused", call(&folder, &["set", "goal", "36%", "--because", "More than is borne"]));
    told!("set_misspelt", call(&folder, &["set", "limt", "40%", "--because", "More"]));
    assert_eq!(git(&folder, &["rev-list", "--count", "HEAD"]).trim(), "1");
}

#[test]
fn a_repository_with_other_changes_is_left_alone() {
    let folder = repository();
    fs::write(folder.path().join("rules/a.bylaw"), format!("{RULES}\n# more\n")).expect("written");
    told!("set_dirty", call(&folder, &["set", "limit", "45%", "--because", "More"]));
    assert_eq!(settings(&folder), SETTINGS);
    let ran = call(&folder, &["set", "limit", "45%", "--because", "More", "--no-commit"]);
    assert_eq!(ran.code, Some(0), "{}", ran.told());
    assert!(settings(&folder).contains("set limit = 45%"));
    assert_eq!(git(&folder, &["rev-list", "--count", "HEAD"]).trim(), "1");
}

#[test]
fn a_commit_that_fails_takes_the_change_back() {
    let folder = repository();
    let hook = folder.path().join(".git/hooks/pre-commit");
    fs::write(&hook, "#!/bin/sh\necho no >&2\nexit 1\n").expect("written");
    let mut mode = fs::metadata(&hook).expect("there").permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
    fs::set_permissions(&hook, mode).expect("set");
    let ran = call(&folder, &["set", "limit", "45%", "--because", "More"]);
    assert_eq!(ran.code, Some(2), "{}", ran.told());
    assert!(ran.err.contains("the change was not committed: no"), "{}", ran.err);
    assert_eq!(settings(&folder), SETTINGS);
    assert_eq!(git(&folder, &["status", "--porcelain"]), "");
}

#[test]
fn outside_of_a_repository_only_the_file_changes() {
    let folder = pack();
    fs::remove_file(folder.path().join("rules/settings.bylaw")).expect("removed");
    let ran = call(&folder, &["set", "limit", "45%", "--because", "More"]);
    assert_eq!(ran.code, Some(0), "{}", ran.told());
    assert!(ran.out.contains("not committed"), "{}", ran.out);
    assert_eq!(settings(&folder), "set limit = 45% because \"More\"\n");
}

#[test]
fn reset_gives_the_default_again() {
    let folder = repository();
    assert_eq!(call(&folder, &["set", "goal", "25%", "--because", "More"]).code, Some(0));
    let ran = call(&folder, &["reset", "goal"]);
    assert!(ran.out.starts_with("goal 25% → 20%\n"), "{}", ran.told());
    assert_eq!(settings(&folder), SETTINGS);
    let ran = call(&folder, &["reset", "--all"]);
    assert!(ran.out.starts_with("limit 35% → 30%\n"), "{}", ran.told());
    assert_eq!(settings(&folder), "# Settings, newest last.\n# agreed in May\n");
    assert_eq!(call(&folder, &["reset"]).code, Some(2));
    assert_eq!(call(&folder, &["reset", "goal"]).out, "nothing changes: these values are in force already\n");
}

#[test]
fn a_profile_is_shown_and_put_in_force() {
    let folder = repository();
    told!("profile_show", call(&folder, &["profile", "show"]));
    let json = call(&folder, &["profile", "show", "bold", "--format", "json"]).out;
    let lines: Vec<Value> = json.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!((lines.len(), &lines[1]["value"], &lines[1]["in_force"]), (2, &"37.5%".into(), &"20%".into()));
    let ran = call(&folder, &["profile", "apply", "bold"]);
    assert_eq!(ran.code, Some(0), "{}", ran.told());
    let expected = "# Settings, newest last.\nset limit = 60% because \"profile bold\"  # agreed in May\n\
                    set goal = 37.5% because \"profile bold\"\n";
    assert_eq!(settings(&folder), expected);
    assert_eq!(git(&folder, &["log", "-1", "--format=%s"]).trim(), "2 parameters");
    told!("profile_misspelt", call(&folder, &["profile", "apply", "bald"]));
}
