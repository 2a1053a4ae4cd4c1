//! The canonical English: a checked pack in the words of the language reads back as the same checked pack.

mod common;

use std::path::PathBuf;
use std::process::Command;

use bylaws::compile::{Compiled, compile_text};
use bylaws::diagnostic::{Style, render};
use bylaws::lang::format::format;
use bylaws::lang::item::Noun;
use bylaws::lang::pack::Pack;
use common::{read, root, rule_files};
use proptest::prelude::*;

fn compiled(files: &[PathBuf], house: Option<&str>) -> Compiled {
    let texts: Vec<(String, String)> = files.iter().map(|p| (p.display().to_string(), read(p))).collect();
    let files: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (&**name, &**text)).collect();
    compile_text(&files, house)
}

/// All of a pack but its tests, as text.
fn canonical(pack: &Pack) -> String {
    let items: Vec<String> = pack.items().filter_map(|item| pack.canonical(&item)).collect();
    items.join("\n")
}

/// The faults of a text that should have none.
fn faults(compiled: &Compiled) -> String {
    let style = Style { colour: false, width: 120 };
    let drawn: Vec<String> = compiled.diagnostics.iter().map(|d| render(d, &compiled.sources, style)).collect();
    drawn.iter().take(6).map(String::as_str).collect::<Vec<_>>().join("\n")
}

/// Nothing when a pack reads back as itself, else what is different.
fn difference(mut pack: Pack, house: Option<&str>) -> Option<String> {
    pack.tests.clear();
    let text = canonical(&pack);
    let again = compile_text(&[("canonical.bylaw", &text)], house);
    let told = faults(&again);
    let Some(second) = again.pack else { return Some(told) };
    let (a, b) = (pack.meaning(), second.meaning());
    if a != b {
        let lines = a.lines().zip(b.lines()).enumerate();
        let (i, (here, there)) = lines.into_iter().find(|(_, (a, b))| a != b)?;
        let around: Vec<&str> = a.lines().skip(i.saturating_sub(25)).take(30).collect();
        return Some(format!("{here} became {there} in\n{}", around.join("\n")));
    }
    let settled = format("canonical", &text).ok()?;
    (settled != text).then(|| "it has not the form that `fmt` gives".to_owned())
}

fn assert_reads_back(files: &[PathBuf], house: Option<PathBuf>) {
    let house = house.map(|h| read(&h));
    let before = compiled(files, house.as_deref());
    let pack = before.pack.unwrap_or_else(|| panic!("{files:?} does not compile"));
    if let Some(how) = difference(pack, house.as_deref()) {
        panic!("{files:?}: {how}");
    }
}

#[test]
fn the_shipped_pack_reads_back() {
    assert_reads_back(&rule_files(&root().join("rules")), Some(root().join("bylaws.toml")));
}

#[test]
fn the_pack_of_firms_reads_back() {
    let folder = root().join("examples/firms");
    assert_reads_back(&rule_files(&folder.join("rules")), Some(folder.join("bylaws.toml")));
}

#[test]
fn the_pack_of_meanings_reads_back() {
    assert_reads_back(&[root().join("tests/meaning/pack.bylaw")], None);
}

/// Every construct that nothing else here uses stands in this pack, so that its words are known to read back.
#[test]
fn every_construct_reads_back() {
    assert_reads_back(&[root().join("tests/canonical/constructs.bylaw")], None);
    let before = compiled(&[root().join("tests/canonical/constructs.bylaw")], None);
    let pack = before.pack.expect("sound");
    let nouns: std::collections::BTreeSet<Noun> = pack.items().map(|i| i.noun).collect();
    let missing: Vec<_> = Noun::ALL.iter().filter(|n| **n != Noun::Test && !nouns.contains(n)).collect();
    assert!(missing.is_empty(), "no {missing:?} in the pack of constructs");
    insta::with_settings!({ snapshot_path => "canonical", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("constructs", canonical(&pack));
    });
}

#[test]
fn every_sound_case_of_the_messages_reads_back() {
    let mut found = 0;
    let mut wrong = Vec::new();
    for path in rule_files(&root().join("tests/ui")) {
        let house = Some(path.with_extension("toml")).filter(|h| h.exists()).map(|h| read(&h));
        let Some(pack) = compiled(std::slice::from_ref(&path), house.as_deref()).pack else { continue };
        found += 1;
        wrong.extend(difference(pack, house.as_deref()).map(|how| format!("{}: {how}", path.display())));
    }
    assert!(found > 5, "only {found} sound cases were found");
    assert!(wrong.is_empty(), "{} of {found}:\n{}", wrong.len(), wrong.join("\n\n"));
}

/// From outside: one item, all of them, and a test, which has no other words.
#[test]
fn the_program_shows_the_words_it_keeps() {
    let shown = |name: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_bylaws"))
            .args(["show", name, "--canonical", "rules", "tests/rules"])
            .current_dir(root())
            .output()
            .expect("the program starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, text, _) = shown("PORTFOLIO-003");
    assert_eq!(code, Some(0));
    insta::with_settings!({ snapshot_path => "canonical", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("shown", text);
    });
    let (code, text, _) = shown("all");
    assert_eq!((code, text.matches("\ntrigger ").count() > 10), (Some(0), true));
    let (code, _, told) = shown("The fourth conflict changes nothing about the third");
    assert_eq!(code, Some(2));
    assert!(told.contains("kept as it is written"), "{told}");
}

// ── expressions by chance ──

/// A row with numbers, amounts and times, a row it refers to, and rows that refer to it.
const WORLD: &str = "\
contract hubs, each a hub
  because \"Above.\"
  one row per id
  id     id
  hub_id id of hubs, optional
  size   number, at least 1
  state  one of on, off or \"half on\"

contract sites, each a site
  because \"Here.\"
  one row per id
  id     id
  hub_id id of hubs
  size   number, at least 1
  grade  number, at least 1
  cost   money
  open   yes or no
  state  one of on, off or \"half on\"
  name   text
  begun  date
  ended  moment, optional

contract visits, each a visit
  because \"There.\"
  one row per id
  dated by seen_at
  id       id
  site_id  id of sites
  other_id id of sites
  size     number
  seen_at  moment
  paid_at  moment

param limit = 2, from 1 to 3
  because \"A limit.\"
param span = 3 days, from 1 day to 9 days
  because \"A while.\"
metric sum_of_sizes per hub = sum of size in sites
metric all_sites = count of sites
";

/// A number of a site's row, of a visit's row with the site outside, or of the portfolio.
fn number(visit: bool) -> impl Strategy<Value = String> {
    let mut names = vec!["size", "limit", "all_sites", "4", "-2.5", "1,000", "0.30"];
    names.extend(if visit {
        &[
            "its size",
            "its hub's size",
            "site's grade",
            "other's hub's size",
            "site's hub's sum_of_sizes",
            "its all_sites",
        ] as &[&str]
    } else {
        &["grade", "hub's size", "hub's hub's size", "hub's sum_of_sizes", "site's size"]
    });
    let leaf = proptest::sample::select(names).prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 2, |inner| {
        let sign = proptest::sample::select(vec!["+", "-", "*", "/"]);
        (inner.clone(), sign, inner, any::<bool>(), any::<bool>()).prop_map(|(a, sign, b, left, right)| {
            let side = |text: String, closed: bool| if closed { format!("({text})") } else { text };
            format!("{} {sign} {}", side(a, left), side(b, right))
        })
    })
}

/// One test of a row, without `and` and `or`.
fn single(visit: bool) -> BoxedStrategy<String> {
    let compare = proptest::sample::select(vec![">=", "<=", "is above", "<", "is", "<>", "is not"]);
    let own = if visit { "its " } else { "" };
    let fixed: Vec<String> = [
        "OWNstate is one of on or \"half on\"",
        "OWNstate is not one of off, on",
        "OWNstate is \"half on\"",
        "OWNhub's state is not off",
        "OWNopen is no",
        "OWNname is \"on\"",
        "OWNname is not \"a b: 'c'\"",
        "OWNended is missing",
        "OWNended is not present",
        "OWNbegun is more than 3 days ago",
        "OWNended is less than span from now",
        "OWNended is less than 90 minutes after OWNbegun",
        "OWNbegun is more than 2 weeks before 2026-03-02 09:30",
        "OWNcost is at least $1,234.50",
        "OWNcost as percent of (OWNcost + $5) is above 12.5%",
        "OWNsize is from -1 to limit",
        "OWNsize is unknown",
        "contract visits holds",
        "every contract holds",
    ]
    .iter()
    .map(|text| text.replace("OWN", own).replace("not one of off, on", "not one of off or on"))
    .collect();
    prop_oneof![
        (number(visit), compare, number(visit)).prop_map(|(a, compare, b)| format!("{a} {compare} {b}")),
        (number(visit), number(visit)).prop_map(|(a, b)| format!("{a} as percent of {b} is at most 70%")),
        proptest::sample::select(fixed),
    ]
    .boxed()
}

/// A condition; beside a site it may ask for visits, inside which `its` is the site.
fn condition(visit: bool) -> BoxedStrategy<String> {
    let leaf = if visit {
        single(true)
    } else {
        let head = proptest::sample::select(vec![
            "there is a visit via site",
            "there is no visit via other",
            "there is a visit anywhere",
            "there is no visit anywhere within last 4 days",
            "there is a visit via other within last span by paid_at",
            "there is a visit via site within previous month",
        ]);
        let exists = (head, proptest::option::of(condition(true))).prop_map(|(head, filter)| match filter {
            Some(filter) => format!("({head} where {filter})"),
            None => head.to_owned(),
        });
        prop_oneof![3 => single(false), 2 => exists].boxed()
    };
    leaf.prop_recursive(3, 12, 3, |inner| {
        let joint = proptest::sample::select(vec![" and ", " or "]);
        prop_oneof![
            inner.clone().prop_map(|e| format!("not ({e})")),
            (proptest::collection::vec(inner, 2..4), joint)
                .prop_map(|(all, joint)| { all.iter().map(|e| format!("({e})")).collect::<Vec<_>>().join(joint) }),
        ]
    })
    .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_expression_reads_back(value in number(false), when in condition(false), of in number(true)) {
        let text = format!(
            "{WORLD}metric value per site = {value}\nmetric taken per site = max of {of} in visits via other where {of} <> 0\n\
             trigger rule, per site\n  because \"So.\"\n  when {when}\n  check on change\n  tell chairman\n"
        );
        let before = compile_text(&[("a.bylaw", &text)], None);
        let told = faults(&before);
        let Some(pack) = before.pack else { panic!("{told}\n{value}\n{of}\n{when}") };
        let shown = canonical(&pack);
        prop_assert_eq!(difference(pack, None), None, "{}", shown);
        // The form keeps the meaning of the text as it was written, too.
        let formed = format("a.bylaw", &text).expect("it reads");
        let (a, b) = (compile_text(&[("a.bylaw", &text)], None), compile_text(&[("a.bylaw", &formed)], None));
        prop_assert_eq!(a.pack.map(|p| p.meaning()), b.pack.map(|p| p.meaning()), "{}", formed);
    }
}
