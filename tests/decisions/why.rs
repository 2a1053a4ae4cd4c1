//! `bylaws why`.

use super::*;

fn why(folder: &TempDir, rule: &str, more: &[&str]) -> Ran {
    let mut words = vec!["why", rule];
    words.extend(more);
    words.extend(["--rules", "rules", "--db", "demo.db", "--as-of", PRESENT]);
    bylaws(folder.path(), &words)
}

#[test]
fn a_firing_is_taken_apart() {
    let folder = portfolio();
    let ran = why(&folder, "PORTFOLIO-002", &["cto"]);
    told!("why_a_trigger_fires", ran);
    assert_eq!(ran.told(), why(&folder, "PORTFOLIO-002", &["Group CTO"]).told(), "by its name");
    assert_eq!(ran.out, ask(&folder, &format!("why-not PORTFOLIO-002 CTO --rules rules --as-of {PRESENT}")).out);
}

#[test]
fn what_does_not_fire_says_what_is_short() {
    told!("why_a_trigger_is_clear", why(&portfolio(), "PORTFOLIO-004", &["electra"]));
}

#[test]
fn a_threshold_has_two_lines() {
    told!("why_a_threshold_is_acceptable", why(&portfolio(), "portfolio_performance", &[]));
}

#[test]
fn a_gate_has_lines_that_each_decide() {
    told!("why_a_gate_is_open", why(&portfolio(), "portfolio_optimized", &[]));
}

#[test]
fn unknown_is_followed_to_the_rows() {
    told!("why_unknown", why(&portfolio(), "sunset_candidate", &["lyra"]));
}

#[test]
fn a_broken_contract_is_told_with_its_promises() {
    told!("why_a_contract_is_violated", why(&portfolio(), "venture_metrics", &[]));
}

#[test]
fn a_param_that_was_set_says_by_whom() {
    let folder = portfolio();
    let settings = fs::read_to_string(folder.path().join("rules/settings.bylaw")).expect("read");
    let set = format!("{settings}\nset critical_dependencies_threshold = 1\n  because \"We look closer.\"\n");
    fs::write(folder.path().join("rules/settings.bylaw"), set).expect("written");
    let ran = why(&folder, "PORTFOLIO-004", &["electra"]);
    assert_eq!(ran.code, Some(0), "{}", ran.told());
    let line = ran.out.lines().find(|l| l.contains("critical_dependencies_threshold = 1")).expect("the param");
    assert!(line.contains("set, because \"We look closer.\"; its default is 2 (rules/settings.bylaw:"), "{line}");
    assert!(!line.contains("commit"), "nobody has committed it: {line}");
    git(folder.path(), &["commit", "-q", "-a", "-m", "Closer"]);
    let ran = why(&folder, "PORTFOLIO-004", &["electra"]);
    let line = ran.out.lines().find(|l| l.contains("critical_dependencies_threshold = 1")).expect("the param");
    assert!(line.ends_with(" by Ada on 2026-05-04)"), "{line}");
    fs::remove_dir_all(folder.path().join(".git")).expect("removed");
    let ran = why(&folder, "PORTFOLIO-004", &["electra"]);
    assert!(ran.code == Some(0) && !ran.out.contains("commit"), "{}", ran.told());
}

#[test]
fn without_a_key_there_is_a_table() {
    let folder = portfolio();
    told!("why_without_a_key", why(&folder, "PORTFOLIO-002", &[]));
    let all = why(&folder, "PORTFOLIO-002", &["--format", "json"]).objects();
    assert_eq!((all.len(), &all[0]["verdict"]), (8, &Value::from("fires")));
}

#[test]
fn programs_get_the_same_tree() {
    let ran = why(&portfolio(), "PORTFOLIO-002", &["cto", "--format", "json"]);
    let [all] = &ran.objects()[..] else { panic!("{}", ran.told()) };
    assert_eq!(all["verdict"], "fires");
    assert_eq!(all["otherwise"][0]["otherwise"], "would not have fired at or below 100%");
    let part = &all["parts"][0];
    assert_eq!((&part["holds"], &part["decides"]), (&Value::from("true"), &Value::from(true)));
    let param = part["parts"].as_array().and_then(|p| p.iter().find(|p| p["kind"] == "param")).expect("a param");
    assert_eq!(param["place"]["last"]["author"], "Ada");
}

#[test]
fn what_is_misspelt_is_told() {
    let folder = portfolio();
    told!("why_of_a_misspelt_rule", why(&folder, "PORTFOLIO-02", &[]));
    told!("why_of_a_misspelt_key", why(&folder, "PORTFOLIO-002", &["Grup CTO"]));
    told!("why_of_a_metric", why(&folder, "allocated", &[]));
    told!("why_of_a_key_of_the_portfolio", why(&folder, "portfolio_performance", &["atlas"]));
}

/// Every rule over every key has an answer, and what decides is said wherever something is known.
#[test]
fn every_rule_can_be_asked() {
    let folder = portfolio();
    let run = ask(&folder, &format!("run rules --format json --as-of {PRESENT}"));
    let mut asked = std::collections::BTreeSet::new();
    for verdict in run.objects() {
        let rule = verdict["rule"].as_str().expect("a rule").to_owned();
        if !asked.insert(rule.clone()) {
            continue;
        }
        let key: Vec<&str> = verdict["key"].as_object().expect("a key").values().filter_map(Value::as_str).collect();
        let key = key.join(", ");
        let more: Vec<&str> = if key.is_empty() { vec!["--format", "json"] } else { vec![&key, "--format", "json"] };
        let ran = why(&folder, &rule, &more);
        assert_eq!(ran.code, Some(0), "{rule}: {}", ran.told());
        let all = ran.objects();
        assert_eq!(all[0]["reason"], verdict["reason"], "{rule}");
        assert!(all[0]["parts"].as_array().is_some_and(|p| !p.is_empty()), "{rule}: {}", ran.out);
    }
}
