//! The forms in which findings and results leave the program for other programs: SARIF, JUnit, GitHub's commands.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use clap::ValueEnum;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::compile::Compiled;
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::lang::waiver::Waived;
use crate::page::Page;
use crate::settings::Settings;
use crate::source::{Sources, Span};

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Report {
    /// For people
    Human,
    /// One JSON object a line
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit's XML, for CI servers
    Junit,
    /// Workflow commands of GitHub, which become annotations
    Github,
}

/// Names files as the repository does that holds them, so that a report reads the same wherever it was made.
pub(super) struct Paths<'a> {
    sources: &'a Sources,
    /// The folder of `bylaws.toml`, which is known by its name alone.
    house: Option<PathBuf>,
    here: PathBuf,
    root: PathBuf,
}

/// A place, lines and columns from 1.
pub(super) struct Place {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) end_line: usize,
    pub(super) end_column: usize,
}

impl<'a> Paths<'a> {
    pub(super) fn new(sources: &'a Sources, settings: &Settings) -> Paths<'a> {
        let here = std::env::current_dir().unwrap_or_default();
        // The rules may lie in another repository than the one from which they are judged.
        let first =
            sources.iter().map(|(_, file)| plain(&here.join(&file.name))).next().unwrap_or_else(|| here.clone());
        let root = first.ancestors().find(|dir| dir.join(".git").exists()).unwrap_or(&here).to_owned();
        Paths { sources, house: settings.folder.clone(), here, root }
    }

    /// The root of the repository, or the present folder where there is none.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// A path as the repository names it, with slashes.
    pub(super) fn stable(&self, path: &Path) -> String {
        let whole = plain(&self.here.join(path));
        let path = whole.strip_prefix(&self.root).unwrap_or(&whole);
        let parts: Vec<_> = path.components().map(|c| c.as_os_str().to_string_lossy()).collect();
        parts.join("/").replacen("//", "/", 1)
    }

    /// The name of the file in which a place lies.
    pub(super) fn file(&self, span: Span) -> String {
        let name = &self.sources.file(span.file).name;
        match &self.house {
            Some(folder) if name.ends_with(".toml") => self.stable(&folder.join(name)),
            _ => self.stable(Path::new(name)),
        }
    }

    pub(super) fn place(&self, span: Span) -> Place {
        let file = self.sources.file(span.file);
        let ((line, column), (end_line, end_column)) = (file.position(span.start), file.position(span.end));
        Place { file: self.file(span), line, column, end_line, end_column }
    }
}

/// A path without `.` and `..`; nothing is asked of the disk.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

// ── SARIF ──

/// Findings as one SARIF log; what is waived is in it as suppressed.
pub(super) fn sarif(findings: &[&Diagnostic], waived: &[Waived], compiled: &Compiled, paths: &Paths<'_>) -> String {
    let used: Vec<Code> = {
        let all = findings.iter().map(|d| d.code).chain(waived.iter().map(|w| w.diagnostic.code));
        let set: std::collections::BTreeSet<Code> = all.collect();
        set.into_iter().collect()
    };
    let rules: Vec<Value> = used.iter().map(|code| rule(*code)).collect();
    let one = |d: &Diagnostic| result(d, &used, &compiled.sources, paths);
    let mut results: Vec<Value> = findings.iter().map(|d| one(d)).collect();
    results.extend(waived.iter().map(|w| {
        let mut result = one(&w.diagnostic);
        let why = format!("{}, until {}: {}", w.waiver.by, w.waiver.until, w.waiver.because);
        result["suppressions"] = json!([{"kind": "inSource", "status": "accepted", "justification": why}]);
        result
    }));
    log(rules, results)
}

fn log(rules: Vec<Value>, results: Vec<Value>) -> String {
    let log = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "bylaws", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{log:#}")
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn rule(code: Code) -> Value {
    let page = Page::of(code);
    json!({
        "id": code.as_str(),
        "shortDescription": {"text": code.summary()},
        "fullDescription": {"text": page.what},
        "help": {
            "text": format!("{}\n\n{}", page.what, page.why),
            "markdown": code.page(),
        },
        "defaultConfiguration": {"level": level(code.severity())},
    })
}

fn result(diagnostic: &Diagnostic, used: &[Code], sources: &Sources, paths: &Paths<'_>) -> Value {
    let text = match &diagnostic.help {
        Some(help) => format!("{}\nhelp: {help}", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    let mut result = json!({
        "ruleId": diagnostic.code.as_str(),
        "level": level(diagnostic.severity()),
        "message": {"text": text},
        "partialFingerprints": {"bylaws/v1": fingerprint(diagnostic, sources, paths)},
    });
    if let Some(index) = used.iter().position(|c| *c == diagnostic.code) {
        result["ruleIndex"] = json!(index);
    }
    let mut labels = diagnostic.labels.iter();
    if let Some(first) = labels.next() {
        let mut at = json!({"physicalLocation": physical(&paths.place(first.span))});
        if !first.text.is_empty() {
            at["message"] = json!({"text": first.text});
        }
        result["locations"] = json!([at]);
    }
    let related: Vec<Value> = (1..)
        .zip(labels)
        .map(|(id, label)| {
            let text = if label.text.is_empty() { "see also" } else { &label.text };
            json!({"id": id, "physicalLocation": physical(&paths.place(label.span)), "message": {"text": text}})
        })
        .collect();
    if !related.is_empty() {
        result["relatedLocations"] = json!(related);
    }
    result
}

fn physical(place: &Place) -> Value {
    json!({
        "artifactLocation": {"uri": uri(&place.file), "uriBaseId": "%SRCROOT%"},
        "region": {
            "startLine": place.line,
            "startColumn": place.column,
            "endLine": place.end_line,
            "endColumn": place.end_column,
        },
    })
}

/// A relative path as a URI.
fn uri(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Stays the same while lines above come and go.
fn fingerprint(diagnostic: &Diagnostic, sources: &Sources, paths: &Paths<'_>) -> String {
    let mut hash = Sha256::new();
    hash.update(diagnostic.code.as_str());
    hash.update("\0");
    hash.update(&diagnostic.message);
    if let Some(span) = diagnostic.span() {
        let file = sources.file(span.file);
        let line = file.line_of(span.start);
        let text = file.text.get(file.line_start(line)..file.line_start(line + 1)).unwrap_or("");
        hash.update("\0");
        hash.update(paths.file(span));
        hash.update("\0");
        hash.update(text.trim());
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

// ── JUnit ──

/// One case of a JUnit report.
pub(super) struct Case {
    /// What was judged.
    pub(super) name: String,
    /// Where it belongs.
    pub(super) class: String,
    /// How long it took, in seconds.
    pub(super) seconds: f64,
    /// What is wrong, if it failed: its kind, one line, and the whole of it.
    pub(super) failure: Option<(String, String, String)>,
}

/// Cases as one JUnit suite; what is said beside them goes to its output.
pub(super) fn junit(suite: &str, cases: &[Case], aside: &str, at: Timestamp) -> String {
    let failed = cases.iter().filter(|c| c.failure.is_some()).count();
    let seconds: f64 = cases.iter().map(|c| c.seconds).sum();
    let at = at.strftime("%Y-%m-%dT%H:%M:%S");
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    out.push_str(&format!(
        "  <testsuite name=\"{}\" package=\"bylaws\" id=\"0\" timestamp=\"{at}\" hostname=\"localhost\" \
         tests=\"{}\" failures=\"{failed}\" errors=\"0\" time=\"{seconds:.3}\">\n    <properties/>\n",
        xml(suite),
        cases.len(),
    ));
    for case in cases {
        let head = format!(
            "    <testcase name=\"{}\" classname=\"{}\" time=\"{:.3}\"",
            xml(&case.name),
            xml(&case.class),
            case.seconds
        );
        match &case.failure {
            None => out.push_str(&format!("{head}/>\n")),
            Some((kind, line, whole)) => out.push_str(&format!(
                "{head}>\n      <failure type=\"{}\" message=\"{}\">{}</failure>\n    </testcase>\n",
                xml(kind),
                xml(line),
                xml(whole)
            )),
        }
    }
    out.push_str(&format!("    <system-out>{}</system-out>\n    <system-err></system-err>\n", xml(aside)));
    out.push_str("  </testsuite>\n</testsuites>");
    out
}

/// Findings as a JUnit suite: a case for each file without errors, and one for each error.
pub(super) fn findings_in_junit(suite: &str, findings: &[&Diagnostic], paths: &Paths<'_>, at: Timestamp) -> String {
    let mut files: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for (id, _) in paths.sources.iter() {
        files.insert(paths.file(Span { file: id, start: 0, end: 0 }), Vec::new());
    }
    let mut aside = String::new();
    for diagnostic in findings {
        let place = diagnostic.span().map(|span| paths.place(span));
        let at = place.as_ref().map_or_else(String::new, |p| format!("{}:{}:{}: ", p.file, p.line, p.column));
        let help = diagnostic.help.as_ref().map_or_else(String::new, |help| format!("\nhelp: {help}"));
        let code = diagnostic.code.as_str();
        let whole = format!("{at}{} {code}: {}{help}", diagnostic.severity(), diagnostic.message);
        if diagnostic.severity() == Severity::Error {
            let class = place.map_or_else(|| "bylaws".to_owned(), |p| p.file);
            let failure = Some((code.to_owned(), diagnostic.message.clone(), whole));
            let name = format!("{at}{code} {}", diagnostic.code.summary());
            files.entry(class.clone()).or_default().push(Case { name, class, seconds: 0.0, failure });
        } else {
            aside.push_str(&whole);
            aside.push('\n');
        }
    }
    let cases: Vec<Case> = files
        .into_iter()
        .flat_map(|(file, cases)| match cases.is_empty() {
            true => vec![Case { name: file.clone(), class: file, seconds: 0.0, failure: None }],
            false => cases,
        })
        .collect();
    junit(suite, &cases, &aside, at)
}

/// Text in XML, in quotes or not; what XML has no way to say becomes a question mark.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\u{fffe}' | '\u{ffff}' => out.push('?'),
            c if c.is_control() => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

// ── tests ──

/// What came of the tests of a pack, for other programs.
pub(super) struct TestReport<'a> {
    sources: &'a Sources,
    paths: Paths<'a>,
    at: Timestamp,
    cases: Vec<TestCase>,
}

struct TestCase {
    title: String,
    span: Span,
    seconds: f64,
    failures: Vec<(Span, String)>,
}

/// The rule under which SARIF files what a test did not find as expected.
const FAILED: &str = "failed-test";

impl<'a> TestReport<'a> {
    pub(super) fn new(sources: &'a Sources, paths: Paths<'a>, at: Timestamp) -> TestReport<'a> {
        TestReport { sources, paths, at, cases: Vec::new() }
    }

    /// Adds a test with what was not as it expected.
    pub(super) fn add(&mut self, title: &str, span: Span, seconds: f64, failures: Vec<(Span, String)>) {
        self.cases.push(TestCase { title: title.to_owned(), span, seconds, failures });
    }

    /// The report in a form; nothing in those that are written test by test.
    pub(super) fn written(&self, format: Report) -> Option<String> {
        match format {
            Report::Human | Report::Json => None,
            Report::Junit => Some(self.junit() + "\n"),
            Report::Sarif => Some(self.sarif() + "\n"),
            Report::Github => Some(self.github()),
        }
    }

    /// A line of a test and what was found instead.
    fn told(&self, span: Span, message: &str) -> String {
        let line = self.sources.text(span).lines().next().unwrap_or("").trim();
        format!("{line}: {message}")
    }

    fn junit(&self) -> String {
        let cases: Vec<Case> = self
            .cases
            .iter()
            .map(|case| {
                let lines: Vec<String> = case
                    .failures
                    .iter()
                    .map(|(span, message)| {
                        let place = self.paths.place(*span);
                        format!("{}:{}:{}: {}", place.file, place.line, place.column, self.told(*span, message))
                    })
                    .collect();
                let failure = case
                    .failures
                    .first()
                    .map(|(span, message)| ("expectation".to_owned(), self.told(*span, message), lines.join("\n")));
                Case { name: case.title.clone(), class: self.paths.file(case.span), seconds: case.seconds, failure }
            })
            .collect();
        junit("bylaws test", &cases, "", self.at)
    }

    fn sarif(&self) -> String {
        let results = self.cases.iter().flat_map(|case| {
            case.failures.iter().map(|(span, message)| {
                json!({
                    "ruleId": FAILED,
                    "ruleIndex": 0,
                    "level": "error",
                    "message": {"text": format!("{}: {}", case.title, self.told(*span, message))},
                    "locations": [{"physicalLocation": physical(&self.paths.place(*span))}],
                    "relatedLocations": [{
                        "id": 1,
                        "physicalLocation": physical(&self.paths.place(case.span)),
                        "message": {"text": "the test begins here"},
                    }],
                })
            })
        });
        let rule = json!({
            "id": FAILED,
            "shortDescription": {"text": "a test of the rules does not find what it expects"},
            "defaultConfiguration": {"level": "error"},
        });
        log(vec![rule], results.collect())
    }

    fn github(&self) -> String {
        let all = self.cases.iter().flat_map(|case| case.failures.iter().map(move |failure| (case, failure)));
        all.map(|(case, (span, message))| {
            let place = self.paths.place(*span);
            command(Severity::Error, Some(&place), &case.title, &self.told(*span, message)) + "\n"
        })
        .collect()
    }
}

// ── GitHub ──

/// A finding as a workflow command.
pub(super) fn github(diagnostic: &Diagnostic, paths: &Paths<'_>) -> String {
    let help = diagnostic.help.as_ref().map_or_else(String::new, |help| format!("\n{help}"));
    let place = diagnostic.span().map(|span| paths.place(span));
    let text = format!("{}{help}", diagnostic.message);
    let title = format!("{} {}", diagnostic.code.as_str(), diagnostic.code.summary());
    command(diagnostic.severity(), place.as_ref(), &title, &text)
}

/// A workflow command at a place.
pub(super) fn command(severity: Severity, place: Option<&Place>, title: &str, text: &str) -> String {
    let word = match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let mut properties: Vec<String> = Vec::new();
    if let Some(place) = place {
        properties.push(format!("file={}", property(&place.file)));
        properties.push(format!("line={}", place.line));
        // GitHub takes columns only within one line.
        if place.end_line == place.line {
            properties.push(format!("col={}", place.column));
            properties.push(format!("endColumn={}", place.end_column));
        } else {
            properties.push(format!("endLine={}", place.end_line));
        }
    }
    properties.push(format!("title={}", property(title)));
    format!("::{word} {}::{}", properties.join(","), data(text))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
