//! What params could make of a rule: thirty rules that a value inside their ranges would break, each reported with that
//! value, and thirty that hold wherever their params stand.

use bylaws::compile::compile_text;
use bylaws::diagnostic::{Code, Diagnostic};

/// What every case stands on.
const HOUSE: &str = r#"
contract ventures, each a venture
  because "The companies we own."
  one row per id
  id       id
  name     text, not empty
  status   one of active, paused or sunset
  share    percent, from 0% to 100%
  burn     money, at least $0
  people   count, at least 0
  margin   percent
  opinion  number, from 1 to 5

contract readings, each a reading
  because "Numbers of the ventures."
  one row per venture_id and day
  dated by day
  fresh within 1 day per venture, stale after 7 days
  venture_id  id of ventures
  day         date
  revenue     money, at least $0

metric number_of_ventures = count of ventures
metric active_share = share of ventures where status is active
metric booked = sum of share over ventures
metric best_share = max of share over ventures
metric all_burn = sum of burn over ventures
metric mean_opinion = average of opinion over ventures
metric mean_margin = average of margin over ventures
metric revenue per venture = latest revenue in readings
metric revenue_change per venture = change of revenue since 30 days ago
metric revenue_drop per venture = drop of revenue since 30 days ago
metric all_revenue = sum of revenue over ventures
metric held_margin, clamped from 0% to 50% = mean_margin
"#;

fn param(name: &str, value: &str, from: &str, to: &str) -> String {
    format!("param {name} = {value}, from {from} to {to}\n  because \"It is tuned.\"\n\n")
}

fn trigger(per: &str, lines: &[&str]) -> String {
    let per = if per.is_empty() { String::new() } else { format!(", per {per}") };
    format!(
        "trigger case \"A case\"{per}\n  because \"It matters.\"\n  {}\n  check daily at 07:00\n  severity low\n  tell chairman\n",
        lines.join("\n  ")
    )
}

fn threshold(metric: &str, lines: &[&str]) -> String {
    format!("threshold case on {metric}\n  because \"It matters.\"\n  {}\n", lines.join("\n  "))
}

fn gate(line: &str) -> String {
    format!("stage 1 \"One\"\n  mode auto\n\ngate way \"The way out\", leaving stage 1\n  {line}\n")
}

fn require(condition: &str) -> String {
    format!("require {condition}\n  because \"Else it makes no sense.\"\n\n")
}

/// The findings about ranges in some rules.
fn findings(rules: &str) -> Vec<Diagnostic> {
    let text = format!("{HOUSE}\n{rules}");
    let compiled = compile_text(&[("case.bylaw", &text)], None);
    assert!(compiled.pack.is_some(), "{rules}\n{:#?}", compiled.diagnostics);
    compiled
        .diagnostics
        .into_iter()
        .filter(|d| {
            matches!(d.code, Code::NeverHolds | Code::AlwaysHolds | Code::BandsCanCross | Code::ClearsWhileHolding)
        })
        .collect()
}

#[test]
fn thirty_rules_that_a_param_can_break_are_reported_with_its_value() {
    let p = param;
    use Code::{AlwaysHolds as Always, BandsCanCross as Crossed, ClearsWhileHolding as Clears, NeverHolds as Never};
    let bad: [(String, Code, &str); 30] = [
        (p("x", "80%", "50%", "100%") + &trigger("", &["when active_share is above x"]), Never, "`x` at 100%"),
        (p("x", "20%", "0%", "50%") + &trigger("", &["when active_share is below x"]), Never, "`x` at 0%"),
        (p("x", "20%", "0%", "50%") + &trigger("", &["when active_share is at least x"]), Always, "`x` at 0%"),
        (p("x", "20%", "10%", "100%") + &trigger("", &["when active_share is at most x"]), Always, "`x` at 100%"),
        (p("x", "3", "0", "9") + &trigger("", &["when number_of_ventures is below x"]), Never, "`x` at 0"),
        (p("x", "3", "0", "9") + &trigger("", &["when number_of_ventures is at least x"]), Always, "`x` at 0"),
        (p("x", "$5", "$0", "$9") + &trigger("", &["when all_burn is below x"]), Never, "`x` at $0"),
        (p("x", "3", "2", "5") + &trigger("", &["when mean_opinion is above x"]), Never, "`x` at 5"),
        (p("x", "3", "1", "4") + &trigger("", &["when mean_opinion is below x"]), Never, "`x` at 1"),
        (p("x", "20%", "5%", "150%") + &trigger("venture", &["when revenue_drop is above x"]), Never, "`x` at 150%"),
        (
            p("x", "0%", "-100%", "50%") + &trigger("venture", &["when revenue_change is below x"]),
            Never,
            "`x` at -100%",
        ),
        (p("x", "20%", "10%", "60%") + &trigger("", &["when held_margin is above x"]), Never, "`x` at 60%"),
        (p("x", "20%", "-5%", "40%") + &trigger("", &["when held_margin is below x"]), Never, "`x` at -5%"),
        (
            p("x", "20%", "5%", "60%")
                + &p("y", "70%", "50%", "90%")
                + &trigger("", &["when active_share is above x and active_share is below y"]),
            Never,
            "`x` at 60% and `y` at 50%",
        ),
        (
            p("x", "20%", "5%", "60%")
                + &p("y", "70%", "50%", "90%")
                + &trigger("", &["when active_share is below x or active_share is at least y"]),
            Always,
            "`x` at 60% and `y` at 50%",
        ),
        (
            p("x", "20%", "5%", "60%")
                + &p("y", "70%", "50%", "90%")
                + &trigger("", &["when active_share is from x to y"]),
            Never,
            "`x` at 60% and `y` at 50%",
        ),
        (p("x", "80%", "50%", "100%") + &trigger("", &["when not (active_share is at most x)"]), Never, "`x` at 100%"),
        (
            p("x", "10%", "0%", "120%")
                + "metric loaded = count of ventures where share is above x\n\n"
                + &trigger("", &["when loaded is not 0"]),
            Never,
            "`x` at 120%",
        ),
        (
            p("x", "10%", "0%", "120%") + &trigger("", &["when there is a venture where share is above x"]),
            Never,
            "`x` at 120%",
        ),
        (
            p("x", "10%", "0%", "120%") + &trigger("", &["when there is no venture where share is above x"]),
            Always,
            "`x` at 120%",
        ),
        (
            p("x", "10%", "0%", "120%")
                + "metric mood\n  is bad when active_share is below x\n  is good otherwise\n\n"
                + &trigger("", &["when mood is bad"]),
            Never,
            "`x` at 0%",
        ),
        (p("x", "90%", "50%", "110%") + &threshold("active_share", &["target is at least x"]), Never, "`x` at 110%"),
        (p("x", "90%", "0%", "99%") + &threshold("active_share", &["target is at least x"]), Always, "`x` at 0%"),
        (
            p("x", "90%", "50%", "99%")
                + &p("y", "70%", "0%", "80%")
                + &require("x is at least y")
                + &threshold("active_share", &["target is at least x", "acceptable is at least y"]),
            Always,
            "`y` at 0%",
        ),
        (
            p("x", "90%", "50%", "99%")
                + &p("y", "70%", "20%", "95%")
                + &threshold("active_share", &["target is at least x", "acceptable is at least y"]),
            Crossed,
            "`x` at 50%",
        ),
        (
            p("x", "$90", "$50", "$99")
                + &p("y", "$120", "$60", "$200")
                + &threshold("all_burn", &["target is at most x", "acceptable is at most y"]),
            Crossed,
            "`y` at $60",
        ),
        (
            p("x", "80%", "50%", "95%")
                + &p("y", "60%", "20%", "90%")
                + &trigger("", &["when active_share is above x", "clear when active_share is below y"]),
            Clears,
            "`x` at 50%",
        ),
        (
            p("x", "80%", "50%", "95%")
                + &trigger("", &["when active_share is at least x", "clear when active_share is at most x"]),
            Clears,
            "at the same time",
        ),
        (
            p("x", "80%", "50%", "95%")
                + &p("y", "60%", "0%", "40%").replace("= 60%", "= 30%")
                + &trigger("", &["when active_share is above x", "clear when active_share is below y"]),
            Never,
            "`y` at 0%",
        ),
        (p("x", "3", "0", "9") + &gate("number_of_ventures is at least x"), Always, "`x` at 0"),
    ];
    for (i, (rules, code, value)) in bad.iter().enumerate() {
        let found = findings(rules);
        assert!(
            found.iter().any(|d| d.code == *code && d.message.contains(value)),
            "{}: {code:?} {value}\n{rules}\n{:#?}",
            i + 1,
            found.iter().map(|d| (d.code, &d.message)).collect::<Vec<_>>()
        );
    }
}

#[test]
fn thirty_rules_that_hold_wherever_their_params_stand_are_left_alone() {
    let p = param;
    let good: [String; 30] = [
        p("x", "80%", "50%", "99%") + &trigger("", &["when active_share is above x"]),
        p("x", "20%", "1%", "50%") + &trigger("", &["when active_share is below x"]),
        p("x", "20%", "1%", "50%") + &trigger("", &["when active_share is at least x"]),
        p("x", "20%", "10%", "99%") + &trigger("", &["when active_share is at most x"]),
        p("x", "3", "1", "9") + &trigger("", &["when number_of_ventures is below x"]),
        p("x", "3", "1", "9") + &trigger("", &["when number_of_ventures is at least x"]),
        p("x", "120%", "50%", "500%") + &trigger("", &["when booked is above x"]),
        p("x", "$5", "$1", "$9") + &trigger("", &["when all_burn is below x"]),
        p("x", "3", "2", "4") + &trigger("", &["when mean_opinion is above x"]),
        p("x", "3", "2", "5") + &trigger("", &["when mean_opinion is below x"]),
        p("x", "20%", "5%", "99%") + &trigger("venture", &["when revenue_drop is above x"]),
        p("x", "0%", "-99%", "500%") + &trigger("venture", &["when revenue_change is below x"]),
        p("x", "20%", "-500%", "500%") + &trigger("", &["when mean_margin is above x"]),
        p("x", "20%", "10%", "49%") + &trigger("", &["when held_margin is above x"]),
        p("x", "20%", "5%", "40%")
            + &p("y", "70%", "50%", "90%")
            + &trigger("", &["when active_share is above x and active_share is below y"]),
        p("x", "20%", "5%", "40%")
            + &p("y", "70%", "50%", "90%")
            + &trigger("", &["when active_share is below x or active_share is at least y"]),
        p("x", "20%", "5%", "60%")
            + &p("y", "70%", "50%", "90%")
            + &require("x is below y")
            + &trigger("", &["when active_share is above x and active_share is below y"]),
        p("x", "20%", "5%", "40%") + &p("y", "70%", "50%", "90%") + &trigger("", &["when active_share is from x to y"]),
        p("x", "20%", "5%", "40%")
            + "metric loaded = count of ventures where share is above x\n\n"
            + &trigger("", &["when loaded is not 0"]),
        p("x", "20%", "5%", "40%") + &trigger("", &["when there is a venture where share is above x"]),
        p("x", "20%", "5%", "40%")
            + "metric mood\n  is bad when active_share is below x\n  is good otherwise\n\n"
            + &trigger("", &["when mood is bad"]),
        p("x", "90%", "50%", "100%") + &threshold("active_share", &["target is at least x"]),
        p("x", "90%", "50%", "99%")
            + &p("y", "70%", "20%", "80%")
            + &require("x is at least y")
            + &threshold("active_share", &["target is at least x", "acceptable is at least y"]),
        p("x", "90%", "80%", "99%")
            + &p("y", "70%", "20%", "80%")
            + &threshold("active_share", &["target is at least x", "acceptable is at least y"]),
        p("x", "$90", "$50", "$99")
            + &p("y", "$120", "$100", "$200")
            + &threshold("all_burn", &["target is at most x", "acceptable is at most y"]),
        p("x", "80%", "50%", "95%")
            + &p("y", "40%", "20%", "50%")
            + &trigger("", &["when active_share is above x", "clear when active_share is below y"]),
        p("x", "80%", "50%", "95%")
            + &trigger("", &["when active_share is above x", "clear when active_share is at most x"]),
        p("x", "80%", "50%", "95%")
            + &p("y", "40%", "20%", "90%")
            + &require("y is at most x")
            + &trigger("", &["when active_share is above x", "clear when active_share is below y"]),
        p("x", "3", "1", "9") + &gate("number_of_ventures is at least x"),
        p("x", "50%", "10%", "90%")
            + &trigger("", &["when status_share is above x"])
            + "\nmetric status_share = share of ventures where status is one of paused or sunset\n",
    ];
    for (i, rules) in good.iter().enumerate() {
        let found = findings(rules);
        assert!(
            found.is_empty(),
            "{}\n{rules}\n{:#?}",
            i + 1,
            found.iter().map(|d| (d.code, &d.message)).collect::<Vec<_>>()
        );
    }
}
