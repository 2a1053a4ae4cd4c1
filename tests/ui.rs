//! What a person reads when rules are wrong: every file under `tests/ui` is compiled, and what is said about it is
//! kept beside it. A folder there that holds rule files is one pack of several files. `NAME.toml` is its bylaws.toml.
//!
//! After a change of wording: `INSTA_UPDATE=always cargo test --test ui`, then read the difference.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use bylaws::compile::{Compiled, compile_text, compile_text_on};
use bylaws::diagnostic::{Code, Diagnostic, Severity, Style, render};
use bylaws::lang::waiver::Today;

/// Codes that no rule file can bring about, and why.
const ELSEWHERE: [(Code, &str); 4] = [
    (Code::CannotRead, "a file that cannot be read has no text; tests/world.rs"),
    (Code::NoRuleFiles, "an empty folder; tests/world.rs"),
    (Code::WorstCase, "no finding of the compiler: `check` prints it below a sound pack"),
    (Code::NotExecuted, "no finding of the compiler: `check` prints it below a sound pack"),
];

/// One pack that is wrong, or that looks wrong and is not.
struct Case {
    /// `item/what_is_wrong`
    name: String,
    files: Vec<(String, String)>,
    house: Option<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui")
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    paths.sort();
    paths
}

fn is_rules(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "bylaw")
}

fn file_name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

fn cases() -> Vec<Case> {
    let read =
        |path: &Path| (file_name(path), fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())));
    let mut cases = Vec::new();
    for folder in sorted(&root()).into_iter().filter(|p| p.is_dir()) {
        for path in sorted(&folder) {
            let files: Vec<_> = if path.is_dir() {
                sorted(&path).iter().filter(|p| is_rules(p)).map(|p| read(p)).collect()
            } else if is_rules(&path) {
                vec![read(&path)]
            } else {
                continue;
            };
            let name = format!("{}/{}", file_name(&folder), path.file_stem().expect("a name").to_string_lossy());
            let house = fs::read_to_string(path.with_extension("toml")).ok();
            cases.push(Case { name, files, house });
        }
    }
    cases
}

impl Case {
    fn compile(&self) -> Compiled {
        self.compile_with(|text| text.to_owned())
    }

    fn compile_with(&self, change: impl Fn(&str) -> String) -> Compiled {
        let texts: Vec<String> = self.files.iter().map(|(_, text)| change(text)).collect();
        let files: Vec<(&str, &str)> =
            self.files.iter().zip(&texts).map(|((name, _), text)| (&**name, &**text)).collect();
        let mut compiled =
            compile_text_on(&files, self.house.as_deref(), Today::Is("2026-03-02".parse().expect("a day")));
        // A pack of a few lines leaves most of what it declares unused; only the cases about that speak of it.
        if !self.name.starts_with("lint/") {
            let small = [
                Code::UnusedMetric,
                Code::UnusedParam,
                Code::UnreadContract,
                Code::NoFreshness,
                Code::NoExitGate,
                Code::NoRollback,
            ];
            compiled.diagnostics.retain(|d| !small.contains(&d.code));
        }
        compiled
    }
}

fn drawn(compiled: &Compiled) -> String {
    if compiled.diagnostics.is_empty() {
        return "nothing is wrong\n".to_owned();
    }
    let style = Style { colour: false, width: 100 };
    let all: Vec<String> = compiled.diagnostics.iter().map(|d| render(d, &compiled.sources, style)).collect();
    // Ends of lines are padded to the width by nobody who reads them.
    let lines: Vec<&str> = all.iter().flat_map(|text| text.lines().map(str::trim_end)).collect();
    lines.join("\n")
}

#[test]
fn what_is_said_stays_as_it_is_kept() {
    let cases = cases();
    assert!(cases.len() > 100, "only {} cases were found", cases.len());
    let mut failed = Vec::new();
    for case in &cases {
        let (folder, name) = case.name.split_once('/').expect("item/name");
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(format!("ui/{folder}"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        let text = drawn(&case.compile());
        let kept = catch_unwind(AssertUnwindSafe(|| settings.bind(|| insta::assert_snapshot!(name, text))));
        if kept.is_err() {
            failed.push(&case.name);
        }
    }
    assert!(failed.is_empty(), "{} of {} cases read differently: {failed:?}", failed.len(), cases.len());
}

#[test]
fn every_snapshot_has_its_case() {
    let known: BTreeSet<String> = cases().into_iter().map(|c| c.name).collect();
    let mut orphans = Vec::new();
    for folder in sorted(&root()).into_iter().filter(|p| p.is_dir()) {
        for path in sorted(&folder).into_iter().filter(|p| p.is_file() && !is_rules(p)) {
            let stem = file_name(&path).split('.').next().unwrap_or_default().to_owned();
            if !known.contains(&format!("{}/{stem}", file_name(&folder))) {
                orphans.push(path);
            }
        }
    }
    assert!(orphans.is_empty(), "nothing is compiled for {orphans:?}");
}

#[test]
fn every_code_has_a_case() {
    let seen: BTreeSet<Code> = cases().iter().flat_map(|c| c.compile().diagnostics).map(|d| d.code).collect();
    let elsewhere: BTreeSet<Code> = ELSEWHERE.iter().map(|(code, _)| *code).collect();
    let unseen: Vec<&str> =
        Code::ALL.iter().filter(|c| !seen.contains(c) && !elsewhere.contains(c)).map(|c| c.as_str()).collect();
    assert!(unseen.is_empty(), "no case shows {unseen:?}");
    let reached: Vec<_> = ELSEWHERE.iter().filter(|(code, _)| seen.contains(code)).collect();
    assert!(reached.is_empty(), "these can be shown after all: {reached:?}");
}

/// Every finding about a file points into it, is one sentence, and says what to do.
#[test]
fn every_finding_has_a_place_a_sentence_and_a_help() {
    let (mut faults, mut helpless) = (Vec::new(), Vec::new());
    for case in cases() {
        let compiled = case.compile();
        for diagnostic in &compiled.diagnostics {
            let named =
                |fault: &str| format!("{}: {} {}: {fault}", case.name, diagnostic.code.as_str(), diagnostic.message);
            faults.extend(form_faults(diagnostic, &compiled).into_iter().map(named));
            let help = diagnostic.help.as_ref().is_some_and(|h| !h.trim().is_empty());
            if !help && diagnostic.severity() != Severity::Note {
                helpless.push(named("no help"));
            }
        }
    }
    assert!(faults.is_empty(), "{} faults of form:\n{}", faults.len(), faults.join("\n"));
    assert!(helpless.is_empty(), "{} findings have no help:\n{}", helpless.len(), helpless.join("\n"));
}

fn form_faults(diagnostic: &Diagnostic, compiled: &Compiled) -> Vec<&'static str> {
    let mut faults = Vec::new();
    if diagnostic.labels.is_empty() {
        faults.push("no place");
    }
    for label in &diagnostic.labels {
        let text = &compiled.sources.file(label.span.file).text;
        if label.span.start > label.span.end || text.get(label.span.start as usize..label.span.end as usize).is_none() {
            faults.push("a place outside the text");
        }
    }
    let message = &diagnostic.message;
    if message.ends_with('.') || message.ends_with('\n') || message.contains('\n') || message.trim().is_empty() {
        faults.push("not one sentence without a full stop");
    }
    let shown = format!("{message}{}", diagnostic.help.as_deref().unwrap_or(""));
    if shown.contains("``") || shown.contains("Some(") || shown.contains("None") {
        faults.push("the program's words instead of the domain's");
    }
    faults
}

/// What is said of each finding, with places as lines and columns.
fn told(compiled: &Compiled) -> Vec<String> {
    let place = |span: bylaws::source::Span| {
        let file = compiled.sources.file(span.file);
        (file.name.clone(), file.position(span.start))
    };
    let one = |d: &Diagnostic| {
        let places: Vec<_> = d.labels.iter().map(|l| (place(l.span), &l.text)).collect();
        format!("{} {} {places:?} {:?}", d.code.as_str(), d.message, d.help)
    };
    compiled.diagnostics.iter().map(one).collect()
}

/// Files written on Windows mean the same.
#[test]
fn carriage_returns_change_nothing() {
    for case in cases() {
        let (plain, crlf) = (told(&case.compile()), told(&case.compile_with(|t| t.replace('\n', "\r\n"))));
        assert_eq!(plain, crlf, "{}", case.name);
    }
}

#[test]
fn a_byte_order_mark_changes_nothing() {
    for case in cases() {
        let (plain, marked) = (told(&case.compile()), told(&case.compile_with(|t| format!("\u{feff}{t}"))));
        assert_eq!(plain, marked, "{}", case.name);
    }
}

#[test]
fn a_missing_last_line_end_changes_nothing() {
    for case in cases() {
        let (plain, cut) = (told(&case.compile()), told(&case.compile_with(|t| t.trim_end_matches('\n').to_owned())));
        assert_eq!(plain, cut, "{}", case.name);
    }
}

/// The same text cut off anywhere is refused or accepted, but always read to its end.
#[test]
fn no_beginning_of_a_file_stops_the_compiler() {
    let pack = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/triggers.bylaw");
    let text = fs::read_to_string(pack).expect("the pack");
    for end in (0..text.len()).step_by(197).filter(|end| text.is_char_boundary(*end)) {
        let compiled = compile_text(&[("cut.bylaw", &text[..end])], None);
        for diagnostic in &compiled.diagnostics {
            let drawn = render(diagnostic, &compiled.sources, Style { colour: false, width: 100 });
            assert!(drawn.contains(diagnostic.code.as_str()), "{drawn}");
        }
    }
}
