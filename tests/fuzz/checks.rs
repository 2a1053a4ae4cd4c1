//! What must hold of every text, whatever stands in it. The fuzz targets and `tests/found.rs` share these checks; what
//! does not hold is a panic that says so.

use bylaws::compile::{Compiled, compile_text};
use bylaws::diagnostic::{Diagnostic, Severity, Style, json, render};
use bylaws::lang::cascade;
use bylaws::lang::format::format;
use bylaws::lang::pack::Pack;
use bylaws::source::Sources;

/// A small sound pack beside which a text is compiled, so that some of its names lead somewhere.
pub(crate) const WORLD: &str = include_str!("../../docs/codes/portfolio.bylaw");

/// So many findings the program draws for people.
const DRAWN: usize = 100;

/// Everything that must hold of a text; the end of the name says whether it is rules or a house.
#[allow(dead_code)]
pub(crate) fn everything(name: &str, text: &str) {
    if name.ends_with(".toml") {
        house(text);
    } else {
        check(text);
        form(text);
    }
}

/// Rules are compiled or refused with findings that can be told; what compiles reads back from its canonical words.
pub(crate) fn check(text: &str) {
    for files in [&[("text.bylaw", text)][..], &[("world.bylaw", WORLD), ("text.bylaw", text)]] {
        let compiled = compile_text(files, None);
        told(&compiled.diagnostics, &compiled.sources);
        let refused = compiled.count(Severity::Error) > 0;
        assert_eq!(compiled.is_refused(), refused, "a pack is refused when an error is told, and only then");
        if let Some(pack) = compiled.pack {
            let _ = cascade::worst_case(&pack);
            reads_back(pack);
        }
    }
}

/// Rules have a form that stays, keeps meaning and comments; or it is told why not.
pub(crate) fn form(text: &str) {
    let once = match format("text.bylaw", text) {
        Ok(once) => once,
        Err(wrong) => {
            assert!(!wrong.1.is_empty(), "refused without a word");
            return told(&wrong.1, &wrong.0);
        }
    };
    match format("text.bylaw", &once) {
        Ok(twice) => assert_same(&once, &twice, "the form is not settled"),
        Err(wrong) => panic!("the form does not read: {:?}\n{once}", wrong.1.first()),
    }
    assert_eq!(comments(text), comments(&once), "a comment is lost\n{once}");
    if once == text {
        return;
    }
    for world in [&[][..], &[("world.bylaw", WORLD)]] {
        let compiled = |text: &str| compile_text(&[world, &[("text.bylaw", text)]].concat(), None);
        let Some(before) = compiled(text).pack else { continue };
        let after = compiled(&once);
        match &after.pack {
            Some(after) => assert_same(&before.meaning(), &after.meaning(), "the form has another meaning"),
            None => panic!("the form does not compile: {}\n{once}", faults(&after)),
        }
    }
}

/// The text of a house is read or refused with findings that can be told.
pub(crate) fn house(text: &str) {
    let compiled = compile_text(&[("world.bylaw", WORLD)], Some(text));
    told(&compiled.diagnostics, &compiled.sources);
    let _ = compiled.settings.people();
}

/// Every finding lies in its text and can be written for people and for programs.
fn told(diagnostics: &[Diagnostic], sources: &Sources) {
    for diagnostic in diagnostics {
        for label in &diagnostic.labels {
            let (text, span) = (&sources.file(label.span.file).text, label.span);
            let inside = text.get(span.start as usize..span.end as usize).is_some();
            assert!(inside, "a place outside of its text: {diagnostic:?}");
        }
        assert!(!json(diagnostic, sources).contains('\n'), "one line each");
    }
    // The widths of terminals, from the narrowest that the program believes.
    let width = 40 + sources.iter().map(|(_, file)| file.text.len()).sum::<usize>() % 90;
    for (i, diagnostic) in diagnostics.iter().take(DRAWN).enumerate() {
        let style = Style { colour: i % 2 == 1, width };
        assert!(!render(diagnostic, sources, style).is_empty(), "nothing is drawn");
    }
}

/// The canonical words of a pack mean the same pack, and have the form.
fn reads_back(mut pack: Pack) {
    // Tests have no other words than their own.
    pack.tests.clear();
    let items: Vec<String> = pack.items().filter_map(|item| pack.canonical(&item)).collect();
    let text = items.join("\n");
    let again = compile_text(&[("canonical.bylaw", &text)], None);
    match &again.pack {
        Some(second) => assert_same(&pack.meaning(), &second.meaning(), "the canonical words mean something else"),
        None => panic!("the canonical words do not compile: {}\n{text}", faults(&again)),
    }
    match format("canonical.bylaw", &text) {
        Ok(settled) => assert_same(&text, &settled, "the canonical words have not the form"),
        Err(wrong) => panic!("the canonical words do not read: {:?}\n{text}", wrong.1.first()),
    }
}

fn faults(compiled: &Compiled) -> String {
    let errors = compiled.diagnostics.iter().filter(|d| d.severity() == Severity::Error);
    errors.take(3).map(|d| d.message.clone()).collect::<Vec<_>>().join("; ")
}

/// Asserts that two texts are one without printing both.
fn assert_same(a: &str, b: &str, what: &str) {
    if a != b {
        let other = a.lines().zip(b.lines()).enumerate().find(|(_, (a, b))| a != b);
        panic!("{what}: {other:?}");
    }
}

/// The comments of a text, in the order of letters: one in the middle of a line moves in front of it.
fn comments(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for line in text.split(['\n', '\r']) {
        let mut from = 0;
        while let Some(at) = line[from..].find(['"', '#']).map(|at| from + at) {
            if line.as_bytes()[at] == b'#' {
                found.push(line[at..].trim_end());
                break;
            }
            // A quote that is not closed is a letter like others.
            from = line[at + 1..].find('"').map_or(at + 1, |end| at + 1 + end + 1);
        }
    }
    found.sort_unstable();
    found
}
