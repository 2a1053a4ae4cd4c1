//! The pages of the codes: each is whole, and its examples are as wrong and as right as they say.

use bylaws::compile::{compile_text, compile_text_on};
use bylaws::diagnostic::{Code, Severity};
use bylaws::lang::waiver::Today;
use bylaws::page::{Page, blocks};

const PORTFOLIO: &str = include_str!("../docs/codes/portfolio.bylaw");

/// Codes whose example is no rule file, and why.
const WORLD: [(Code, &str); 4] = [
    (Code::CannotRead, "a file that cannot be read has no text"),
    (Code::NoRuleFiles, "an empty folder"),
    (Code::WorstCase, "told by the command of a sound pack"),
    (Code::NotExecuted, "told by the command of a sound pack"),
];

fn codes_of_the_world() -> Vec<Code> {
    WORLD.iter().map(|(code, _)| *code).collect()
}

/// What is found in the example, in the little portfolio. Of lints only the code of the page counts: an example is a
/// part of a pack, and what nobody uses in it somebody uses elsewhere.
fn found(code: Code, text: &str) -> Vec<String> {
    let house = blocks(text, "toml").pop();
    let rules = blocks(text, "bylaw").concat();
    let today = Today::Is("2026-03-02".parse().expect("a day"));
    let files = [("portfolio.bylaw", PORTFOLIO), ("example.bylaw", &*rules)];
    let compiled = compile_text_on(if rules.is_empty() { &files[..1] } else { &files }, house.as_deref(), today);
    let of_this = compiled.diagnostics.iter().filter(|d| d.code == code || d.severity() == Severity::Error);
    let mut codes: Vec<String> = of_this.map(|d| format!("{} {}", d.code.as_str(), d.message)).collect();
    codes.dedup();
    codes
}

#[test]
fn every_page_is_whole_and_bears_its_summary() {
    for code in Code::ALL {
        let (page, name) = (Page::of(*code), code.as_str());
        let heading = format!("# {name}: {}", code.summary());
        assert_eq!(code.page().lines().next(), Some(&*heading), "the first line of the page");
        for (part, text) in [("what", page.what), ("why", page.why), ("wrong", page.wrong), ("instead", page.instead)] {
            assert!(!text.is_empty(), "{name} does not say {part}");
        }
    }
}

#[test]
fn every_page_stands_for_a_code() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/codes");
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        if let Some(number) = name.strip_suffix(".md").filter(|n| *n != "README") {
            assert!(Code::parse(number).is_some(), "{name} explains no code");
        }
    }
}

#[test]
fn the_portfolio_of_the_examples_is_sound() {
    let compiled = compile_text(&[("portfolio.bylaw", PORTFOLIO)], None);
    let errors: Vec<_> = compiled.diagnostics.iter().filter(|d| d.severity() == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn every_wrong_example_gives_exactly_its_code() {
    let mut faults = Vec::new();
    for code in Code::ALL.iter().filter(|c| !codes_of_the_world().contains(c)) {
        let found = found(*code, Page::of(*code).wrong);
        if found.is_empty() || found.iter().any(|f| !f.starts_with(code.as_str())) {
            faults.push(format!("{}: {found:?}", code.as_str()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_right_example_is_right() {
    let mut faults = Vec::new();
    for code in Code::ALL.iter().filter(|c| !codes_of_the_world().contains(c)) {
        let found = found(*code, Page::of(*code).instead);
        if !found.is_empty() {
            faults.push(format!("{}: {found:?}", code.as_str()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
