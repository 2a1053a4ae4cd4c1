//! `bylaws backtest`.

use super::*;

const WEEK: &str = "--from 2026-06-01 --to 2026-06-07";
const FEW: &str = "--rule PORTFOLIO-002 --rule PORTFOLIO-004 --rule sunset_candidate --rule initiative_negative \
                   --rule portfolio_performance --rule portfolio_improved";

fn backtest(folder: &TempDir, more: &str) -> Ran {
    ask(folder, &format!("backtest rules {more}"))
}

#[test]
fn the_past_is_told_to_people() {
    let folder = portfolio();
    told!("backtest", backtest(&folder, &format!("{WEEK} {FEW}")));
}

#[test]
fn many_days_share_a_sign() {
    let ran = backtest(&portfolio(), "--from 2026-04-01 --to 2026-06-30 --rule portfolio_performance");
    assert_eq!(ran.code, Some(0), "{}", ran.told());
    assert!(ran.out.contains("91 days") && ran.out.contains("each sign is 3 days"), "{}", ran.told());
    assert!(ran.out.contains("▒"), "{}", ran.told());
}

#[test]
fn the_past_is_told_to_programs() {
    let ran = backtest(&portfolio(), &format!("{WEEK} {FEW} --format json"));
    let all = ran.objects();
    assert_eq!((ran.code, all.len()), (Some(0), 7), "{}", ran.told());
    assert_eq!(all[0]["not_known"], Value::Array(Vec::new()));
    let conflict = &all[1];
    assert_eq!((&conflict["rule"], &conflict["kind"]), (&Value::from("PORTFOLIO-002"), &Value::from("trigger")));
    assert!(conflict["firings"].as_u64() > Some(0), "{conflict}");
    let first = &conflict["days"][0];
    assert_eq!((&first["from"], &first["state"]), (&Value::from("2026-06-01"), &Value::from("clear")));
}

#[test]
fn bounds_are_for_a_ci() {
    let folder = portfolio();
    let few = format!("{WEEK} --rule PORTFOLIO-002 --rule portfolio_improved");
    let firings =
        backtest(&folder, &format!("{few} --format json")).objects()[1]["firings"].as_u64().expect("a number");
    let kept = format!("{few} --max-firings PORTFOLIO-002={firings} --min-firings PORTFOLIO-002={firings}");
    assert_eq!(backtest(&folder, &kept).code, Some(0));
    let ran = backtest(&folder, &format!("{few} --max-firings PORTFOLIO-002={}", firings - 1));
    assert_eq!(ran.code, Some(1), "{}", ran.told());
    assert!(ran.err.starts_with(&format!("PORTFOLIO-002 fired {firings} times, at most ")), "{}", ran.told());
    let ran = backtest(&folder, &format!("{few} --min-firings portfolio_improved=1"));
    assert_eq!(ran.code, Some(1), "{}", ran.told());
    assert_eq!(ran.err, "portfolio_improved fired 0 times, at least 1 expected\n");
}

#[test]
fn old_and_new_rules_stand_side_by_side() {
    let folder = portfolio();
    let threshold = "param conflict_over_allocation_threshold = 100%";
    edit(&folder, "rules/params.bylaw", threshold, &threshold.replace("100%", "120%"));
    told!(
        "backtest_against",
        backtest(&folder, &format!("{WEEK} --rule PORTFOLIO-002 --rule initiative_negative --against HEAD"))
    );
}

#[test]
fn what_nobody_kept_is_said_once() {
    let folder = portfolio();
    let ran = backtest(&folder, "--from 2025-04-28 --to 2025-05-02 --rule PORTFOLIO-002 --rule portfolio_performance");
    told!("backtest_before_the_log", ran);
    let tables = "CREATE TABLE ventures (id TEXT PRIMARY KEY, status TEXT);
                  INSERT INTO ventures VALUES ('atlas', 'active'), ('borealis', 'sunset');";
    let db = rusqlite::Connection::open(folder.path().join("small.db")).expect("opened");
    db.execute_batch(tables).expect("written");
    fs::create_dir(folder.path().join("small")).expect("made");
    fs::write(
        folder.path().join("small/a.bylaw"),
        "contract ventures, each a venture\n  because \"Ours.\"\n  one row per id\n  id      id\n  status  one of active \
         or sunset\n\ntrigger ended \"Ended\", per venture\n  because \"It ended.\"\n  when status is sunset\n  check daily\n  \
         tell chairman\n",
    )
    .expect("written");
    let arguments = ["backtest", "small", "--db", "small.db", "--from", "2026-01-01", "--to", "2026-01-05"];
    told!("backtest_without_a_log", bylaws(folder.path(), &arguments));
}

#[test]
fn the_timelines_are_drawn() {
    let folder = portfolio();
    let ran = backtest(&folder, &format!("{WEEK} --rule PORTFOLIO-002 --svg past.svg"));
    assert_eq!(ran.code, Some(0), "{}", ran.told());
    let text = fs::read_to_string(folder.path().join("past.svg")).expect("a picture");
    let picture = roxmltree::Document::parse(&text).expect("XML");
    let titles: Vec<&str> =
        picture.descendants().filter(|n| n.has_tag_name("title")).filter_map(|n| n.text()).collect();
    assert!(titles.iter().any(|t| t.starts_with("PORTFOLIO-002: firing, ")), "{titles:?}");
}

#[test]
fn wrong_calls_are_exit_2() {
    let folder = portfolio();
    told!("backtest_of_a_misspelt_rule", backtest(&folder, &format!("{WEEK} --max-firings PORTFOLIO-02=3")));
    told!("backtest_of_no_bound", backtest(&folder, &format!("{WEEK} --max-firings PORTFOLIO-002")));
    told!("backtest_backwards", backtest(&folder, "--from 2026-06-07 --to 2026-06-01"));
    told!("backtest_of_no_day", backtest(&folder, "--from yesterday --to 2026-06-01"));
    let ran = backtest(&folder, "--from 9000-01-01 --to 9000-01-02");
    assert!(ran.code == Some(2) && ran.err.contains("has not come yet"), "{}", ran.told());
}
