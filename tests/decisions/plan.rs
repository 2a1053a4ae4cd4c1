//! `bylaws plan`.

use super::*;

fn plan(folder: &TempDir, more: &str) -> Ran {
    let line = format!("plan rules --as-of {PRESENT} {more}");
    ask(folder, line.trim())
}

/// A change of most of what can change.
fn changed() -> TempDir {
    let folder = portfolio();
    let params = "rules/params.bylaw";
    edit(&folder, params, "param critical_dependencies_threshold = 2,", "param critical_dependencies_threshold = 1,");
    edit(
        &folder,
        params,
        "param conflict_over_allocation_threshold = 100%",
        "param conflict_over_allocation_threshold = 95%",
    );
    edit(
        &folder,
        params,
        "param portfolio_optimized_min_improvement = 10%",
        "param portfolio_optimized_min_improvement = 15%",
    );
    let triggers = "rules/triggers.bylaw";
    edit(&folder, triggers, "trigger playbook_missing ", "trigger playbook_absent ");
    edit(
        &folder,
        triggers,
        "  when there is no playbook where published_on is present\n",
        "  formerly playbook_missing\n  when there is no playbook where published_on is present\n",
    );
    edit(&folder, "bylaws.toml", "time_zone = \"UTC\"", "time_zone = \"Europe/Berlin\"");
    edit(&folder, "bylaws.toml", "blast_radius = \"20%\"", "blast_radius = \"10%\"");
    folder
}

#[test]
fn rules_as_they_were_change_nothing() {
    let folder = portfolio();
    told!("plan_of_no_change", plan(&folder, ""));
    // Another reason and another comment decide nothing.
    edit(&folder, "rules/triggers.bylaw", "What hangs together falls together.", "Together they fall. # so");
    assert_eq!(plan(&folder, "").code, Some(0));
    assert_eq!(plan(&folder, "--against rules").code, Some(0));
}

#[test]
fn a_change_is_told_to_people() {
    told!("plan", plan(&changed(), ""));
}

#[test]
fn a_change_is_told_in_markdown() {
    let folder = changed();
    // More than fits a comment is folded away.
    edit(&folder, "rules/triggers.bylaw", "per resource, in stage 39", "per resource");
    told!("plan_in_markdown", plan(&folder, "--format markdown"));
}

#[test]
fn a_change_is_told_to_programs() {
    let ran = plan(&changed(), "--format json");
    told!("plan_as_json", ran);
    let all = ran.objects();
    assert_eq!(all[0]["change"], "summary");
    let verdicts = all.iter().filter(|o| o["change"] == "verdict").count();
    assert_eq!(all[0]["verdicts"], verdicts);
}

#[test]
fn another_grain_is_a_reset() {
    let folder = portfolio();
    edit(
        &folder,
        "rules/triggers.bylaw",
        "trigger playbook_missing \"No governance playbook in force\", in stage 39",
        "trigger playbook_missing \"No governance playbook in force\", per venture, in stage 39",
    );
    edit(
        &folder,
        "rules/triggers.bylaw",
        "when there is no playbook where published_on is present",
        "when there is no playbook anywhere where published_on is present",
    );
    told!("plan_of_another_grain", plan(&folder, ""));
}

#[test]
fn unknown_is_a_verdict_too() {
    let folder = portfolio();
    edit(&folder, "rules/params.bylaw", "param stale_data_age = 7 days", "param stale_data_age = 1 day");
    let ran = plan(&folder, "");
    assert_eq!(ran.code, Some(1), "{}", ran.told());
    assert!(ran.out.contains(" → unknown ("), "{}", ran.told());
    git(folder.path(), &["commit", "-q", "-a", "-m", "Stale sooner"]);
    assert_eq!(plan(&folder, "").code, Some(0));
    let back = plan(&folder, "--against HEAD~1");
    assert_eq!(back.out.lines().next(), ran.out.lines().next());
    edit(&folder, "rules/params.bylaw", "param stale_data_age = 1 day", "param stale_data_age = 7 days");
    let ran = plan(&folder, "");
    assert!(ran.out.contains("; it was unknown: "), "{}", ran.told());
}

#[test]
fn rules_come_and_go() {
    let folder = portfolio();
    fs::remove_file(folder.path().join("rules/rollbacks.bylaw")).expect("removed");
    fs::write(
        folder.path().join("rules/new.bylaw"),
        "trigger poor \"A venture that is poor\", per venture\n  because \"Help it.\"\n  when status is active and \
         revenue is below enough_revenue\n  check daily\n  tell chairman\n\nparam enough_revenue = $30,000, from $0 to \
         $100,000\n  because \"Enough.\"\n",
    )
    .expect("written");
    told!("plan_of_rules_that_come_and_go", plan(&folder, ""));
}

#[test]
fn a_folder_stands_for_a_revision() {
    let folder = changed();
    let old = folder.path().join("old");
    fs::create_dir(&old).expect("made");
    for entry in fs::read_dir(folder.path().join("rules")).expect("rules") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), old.join(entry.file_name())).expect("copied");
    }
    assert_eq!(plan(&folder, "--against old").code, Some(0));
    edit(
        &folder,
        "old/params.bylaw",
        "param conflict_over_allocation_threshold = 95%",
        "param conflict_over_allocation_threshold = 90%",
    );
    let ran = plan(&folder, "--against old");
    assert_eq!(ran.code, Some(1), "{}", ran.told());
    assert!(ran.out.contains("conflict_over_allocation_threshold: 90% → 95%  rules/params.bylaw:"), "{}", ran.told());
}

#[test]
fn rules_that_do_not_stand_are_exit_2() {
    let folder = portfolio();
    edit(&folder, "rules/alerts.bylaw", "severity critical", "severity dire");
    told!("plan_of_faulty_rules", plan(&folder, ""));
    git(folder.path(), &["commit", "-q", "-a", "-m", "A fault"]);
    edit(&folder, "rules/alerts.bylaw", "severity dire", "severity critical");
    told!("plan_against_faulty_rules", plan(&folder, ""));
}

#[test]
fn a_wrong_world_is_exit_2() {
    let folder = portfolio();
    told!("plan_against_nothing", plan(&folder, "--against nowhere"));
    fs::remove_dir_all(folder.path().join(".git")).expect("removed");
    told!("plan_without_a_repository", plan(&folder, ""));
    assert_eq!(bylaws(folder.path(), &["plan", "rules", "--against", "rules", "--db", "no.db"]).code, Some(2));
}

#[test]
fn nothing_is_written() {
    let folder = changed();
    let before = fs::read(folder.path().join("demo.db")).expect("read");
    plan(&folder, "");
    assert_eq!(before, fs::read(folder.path().join("demo.db")).expect("read"), "the file has changed");
}

#[test]
fn the_sql_is_shown() {
    let ran = bylaws(portfolio().path(), &["plan", "rules", "--sql"]);
    assert_eq!(ran.code, Some(0), "{}", ran.told());
    assert!(ran.out.contains("SELECT ") && ran.out.contains("GROUP BY "), "{}", ran.out);
}
