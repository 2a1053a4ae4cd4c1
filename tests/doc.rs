//! The pages that `bylaws doc` writes, seen from outside: they are those of the rules, every link leads somewhere, every
//! drawing is whole, and nothing that somebody else wrote is touched.
//!
//! After a change of the rules or of the pages: `cargo run -- doc rules --out docs/stage-39`, then read the difference.
//! After a change of wording: `INSTA_UPDATE=always cargo test --test doc` as well.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use bylaws::compile::compile_text;
use bylaws::doc::{MARK, Page, pages};
use bylaws::lang::item::Noun;
use bylaws::lang::pack::Pack;
use common::{read, root, rule_files};
use tempfile::TempDir;

// ── packs and their pages ──

fn pack(folder: &Path, house: Option<&Path>) -> Pack {
    let files = if folder.is_file() { vec![folder.to_owned()] } else { rule_files(folder) };
    let texts: Vec<(String, String)> = files.iter().map(|p| (p.display().to_string(), read(p))).collect();
    let files: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (&**name, &**text)).collect();
    let house = house.map(read);
    compile_text(&files, house.as_deref()).pack.unwrap_or_else(|| panic!("{} is refused", folder.display()))
}

/// Every pack of the repository, by a name.
fn packs() -> Vec<(&'static str, Pack)> {
    let example = |name: &str| {
        let folder = root().join("examples").join(name);
        pack(&folder.join("rules"), Some(&folder.join("bylaws.toml")))
    };
    vec![
        ("stage-39", pack(&root().join("rules"), Some(&root().join("bylaws.toml")))),
        ("hospital", example("hospital")),
        ("firms", example("firms")),
        ("constructs", pack(&root().join("tests/canonical/constructs.bylaw"), None)),
        ("meanings", pack(&root().join("tests/meaning/pack.bylaw"), None)),
        ("empty", compile_text(&[], None).pack.expect("nothing is wrong with nothing")),
    ]
}

fn page<'p>(pages: &'p [Page], name: &str) -> &'p str {
    &pages.iter().find(|p| p.name == name).unwrap_or_else(|| panic!("no page {name}")).text
}

/// The text without its blocks of rules and drawings.
fn prose(text: &str) -> String {
    let mut inside = false;
    let kept = text.lines().filter(|line| {
        let fence = line.starts_with("```");
        inside ^= fence;
        !fence && !inside
    });
    kept.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_shipped_pages_are_those_of_the_rules() {
    let folder = root().join("docs/stage-39");
    let written = pages(&pack(&root().join("rules"), Some(&root().join("bylaws.toml"))));
    let again = "run `cargo run -- doc rules --out docs/stage-39`";
    for page in &written {
        let path = folder.join(page.name);
        let shipped = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}; {again}", path.display()));
        assert!(shipped.replace("\r\n", "\n") == page.text, "{} is not as the rules have it; {again}", path.display());
    }
    let names: BTreeSet<String> = written.iter().map(|p| p.name.to_owned()).collect();
    for entry in fs::read_dir(&folder).expect("a folder") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        assert!(names.contains(&name), "{name} is no page of these rules; {again}");
    }
}

#[test]
fn pages_say_the_same_each_time_and_nothing_of_the_machine() {
    for (name, pack) in packs() {
        let written = pages(&pack);
        assert_eq!(written, pages(&pack), "{name}");
        assert_eq!(written[0].name, "README.md");
        for page in &written {
            assert!(page.text.starts_with(MARK) && page.text.ends_with('\n'), "{name}/{}", page.name);
            assert!(!page.text.contains(env!("CARGO_MANIFEST_DIR")), "{name}/{} names a folder", page.name);
        }
    }
}

#[test]
fn tests_change_no_page() {
    let house = root().join("bylaws.toml");
    let mut texts: Vec<(String, String)> = Vec::new();
    for folder in ["rules", "tests/rules"] {
        texts.extend(rule_files(&root().join(folder)).iter().map(|p| (p.display().to_string(), read(p))));
    }
    let files: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (&**name, &**text)).collect();
    let both = compile_text(&files, Some(&read(&house))).pack.expect("sound");
    assert!(pages(&both) == pages(&pack(&root().join("rules"), Some(&house))));
}

/// Every sentence of a rule stands on the pages as the language has it, and with its reason.
#[test]
fn every_item_has_its_place() {
    for (name, pack) in packs() {
        let written = pages(&pack);
        let all: String = written.iter().map(|p| p.text.as_str()).collect();
        for item in pack.items().filter(|i| !matches!(i.noun, Noun::Test | Noun::Set | Noun::Require)) {
            let id = match item.noun {
                Noun::Calendar => "calendar-1".to_owned(),
                noun => format!("{}-{}", noun.word(), item.name),
            };
            assert!(all.contains(&format!("<a id=\"{id}\"></a>")), "{name}: no place for {id}");
            if !matches!(item.noun, Noun::Param | Noun::Role) {
                let words = pack.canonical(&item).expect("words");
                let head = words.lines().next().expect("a line").to_owned();
                assert!(all.contains(&format!("```bylaw\n{head}\n")), "{name}: {head} does not stand there");
            }
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    for (name, pack) in packs() {
        let written = pages(&pack);
        let mut places: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for page in &written {
            let ids = places.entry(page.name).or_default();
            for id in page.text.split("<a id=\"").skip(1) {
                let id = id.split('"').next().expect("an id").to_owned();
                assert!(ids.insert(id.clone()), "{name}/{}: {id} stands twice", page.name);
            }
        }
        let mut links = 0;
        for page in &written {
            for target in prose(&page.text).split("](").skip(1) {
                let target = target.split(')').next().expect("a target");
                let (file, id) = target.split_once('#').unwrap_or((target, ""));
                let file = if file.is_empty() { page.name } else { file };
                let ids = places.get(file).unwrap_or_else(|| panic!("{name}/{}: no page {target}", page.name));
                assert!(id.is_empty() || ids.contains(id), "{name}/{}: {target} leads nowhere", page.name);
                links += 1;
            }
        }
        assert!(links > 3, "{name} has {links} links");
    }
}

#[test]
fn every_table_has_as_many_cells_in_each_row() {
    for (name, pack) in packs() {
        for page in pages(&pack) {
            let mut columns = None;
            for line in prose(&page.text).lines() {
                if !line.starts_with('|') {
                    columns = None;
                    continue;
                }
                // A sign that is escaped splits nothing.
                let cells = line.replace("\\\\", "").replace("\\|", "").matches('|').count();
                assert_eq!(*columns.get_or_insert(cells), cells, "{name}/{}: {line}", page.name);
            }
        }
    }
}

/// Most nodes of one drawing; GitHub draws that many at once.
const MOST_NODES: usize = 60;

#[test]
fn every_drawing_is_whole() {
    let mut drawings = 0;
    for (name, pack) in packs() {
        for page in pages(&pack) {
            for drawing in page.text.split("```mermaid\n").skip(1) {
                let drawing = drawing.split("\n```").next().expect("an end");
                let where_ = format!("{name}/{}:\n{drawing}", page.name);
                whole(drawing, &where_);
                drawings += 1;
            }
        }
    }
    assert!(drawings > 50, "{drawings} drawings");
}

fn is_id(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn whole(drawing: &str, place: &str) {
    let mut lines = drawing.lines();
    assert!(lines.next().is_some_and(|l| l.starts_with("flowchart ")), "{place}");
    let (mut nodes, mut classes, mut used) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let (mut open, mut edges) = (0, Vec::new());
    for line in lines.map(str::trim) {
        assert_eq!(line.matches('"').count() % 2, 0, "{line} in {place}");
        if line == "end" {
            open -= 1;
        } else if line.starts_with("subgraph ") {
            open += 1;
        } else if let Some(class) = line.strip_prefix("classDef ") {
            classes.insert(class.split(' ').next().expect("a name").to_owned());
        } else if let Some((from, to)) = line.split_once(" -->") {
            edges.push((from.to_owned(), to.rsplit(' ').next().expect("a node").to_owned()));
        } else {
            let (node, class) = line.rsplit_once(":::").unwrap_or_else(|| panic!("{line} in {place}"));
            let (id, rest) = node.split_once("\"").expect("a label");
            let id = id.trim_end_matches(['(', '[', '{']);
            let open = &node[id.len()..node.len() - rest.len() - 1];
            let close: String = open
                .chars()
                .rev()
                .map(|c| {
                    if c == '(' {
                        ')'
                    } else if c == '[' {
                        ']'
                    } else {
                        '}'
                    }
                })
                .collect();
            let label = rest.strip_suffix(&format!("\"{close}")).unwrap_or_else(|| panic!("{line} in {place}"));
            assert!(!label.replace("<br/>", "").contains(['"', '<', '>', '`']), "{line} in {place}");
            assert!(is_id(id) && nodes.insert(id.to_owned()), "{line} in {place}");
            used.insert(class.to_owned());
        }
    }
    assert_eq!(open, 0, "frames of {place}");
    assert!((1..=MOST_NODES).contains(&nodes.len()), "{} nodes in {place}", nodes.len());
    assert_eq!(classes, used, "{place}");
    for (from, to) in edges {
        assert!(nodes.contains(&from) && nodes.contains(&to), "{from} --> {to} in {place}");
    }
}

/// A rule that reads very many metrics is drawn in part, and that is told.
#[test]
fn a_drawing_never_grows_too_large() {
    let mut text = String::from(
        "contract things, each a thing\n  because \"All of it.\"\n  one row per id\n  id  id\n  size  number\n\n",
    );
    for i in 0..150 {
        text.push_str(&format!("metric m{i} = sum of size in things where size is above {i}\n"));
    }
    let all: Vec<String> = (0..150).map(|i| format!("m{i} is above 5")).collect();
    text.push_str("\ntrigger full \"Full | 'or' <not> & `so`\"\n");
    text.push_str(&format!("  because \"Pipes | and *stars* and _lines_.\"\n  when {}\n", all.join(" or ")));
    text.push_str("  check daily\n  severity low\n  once within 1 day\n  tell chairman\n");
    let compiled = compile_text(&[("many.bylaw", &text)], None);
    let pack = compiled.pack.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics));
    let written = pages(&pack);
    let lineage = page(&written, "lineage.md");
    assert!(lineage.contains("items further back are left out."), "{lineage}");
    for drawing in lineage.split("```mermaid\n").skip(1) {
        whole(drawing.split("\n```").next().expect("an end"), "many");
    }
    let triggers = page(&written, "triggers.md");
    assert!(triggers.contains("> Pipes \\| and \\*stars\\* and \\_lines\\_."), "{triggers}");
    assert!(triggers.contains("Full \\| 'or' \\<not\\> \\& \\`so\\`"), "{triggers}");
}

/// Another world, another house: what people read of the hospital's decisions and of its way back.
#[test]
fn pages_of_a_hospital() {
    let folder = root().join("examples/hospital");
    let written = pages(&pack(&folder.join("rules"), Some(&folder.join("bylaws.toml"))));
    insta::with_settings!({ snapshot_path => "doc", prepend_module_to_snapshot => false, omit_expression => true }, {
        for name in ["README.md", "decisions.md", "rollbacks.md"] {
            insta::assert_snapshot!(name.trim_end_matches(".md").to_lowercase(), page(&written, name));
        }
    });
}

// ── the command ──

const RULES: &str = "\
contract ventures, each a venture
  because \"The companies we own.\"
  one row per id
  id      id
  status  one of active, paused or sunset

param least = 3, from 1 to 9
  because \"A portfolio of two is a couple.\"

metric active = count of ventures where status is active

trigger few_left \"Few ventures\"
  because \"A portfolio of one is none.\"
  when active is below least
  check daily at 07:00
  severity high
  tell chairman
";

const PROFILE: &str = "\nprofile bold\n  because \"Bold.\"\n  set least = 1\n";

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(folder: &TempDir, words: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bylaws"));
    command.current_dir(folder.path()).args(words).env_clear().env("COLUMNS", "100");
    let output = command.output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn folder(rules: &str) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    write(&folder, "rules/a.bylaw", rules);
    folder
}

fn write(folder: &TempDir, name: &str, text: &str) {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, text).expect("written");
}

const DOC: [&str; 4] = ["doc", "rules", "--out", "pages"];
const CHECK: [&str; 5] = ["doc", "rules", "--out", "pages", "--check"];

#[test]
fn check_tells_what_is_missing_and_what_to_run() {
    let folder = folder(RULES);
    let ran = run(&folder, &CHECK);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.out.contains("pages/README.md: missing"), "{}", ran.out);
    assert!(ran.err.contains("help: run `bylaws doc rules --out pages`"), "{}", ran.err);
    assert!(!folder.path().join("pages").exists(), "a check writes nothing");
    let ran = run(&folder, &DOC);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.contains("wrote pages/README.md") && ran.out.contains("begin with"), "{}", ran.out);
    let ran = run(&folder, &CHECK);
    assert_eq!((ran.code, &*ran.out, &*ran.err), (Some(0), "pages is as the rules have it\n", ""));
}

#[test]
fn a_page_that_was_changed_by_hand_is_told_and_written_anew() {
    let folder = folder(RULES);
    run(&folder, &DOC);
    let path = folder.path().join("pages/triggers.md");
    let before = read(&path);
    // Other line ends are no change.
    fs::write(&path, before.replace('\n', "\r\n")).expect("written");
    assert_eq!(run(&folder, &CHECK).code, Some(0));
    fs::write(&path, before.replace("daily", "never")).expect("written");
    let ran = run(&folder, &CHECK);
    assert_eq!((ran.code, &*ran.out), (Some(1), "pages/triggers.md: differs\n"), "{}", ran.err);
    let ran = run(&folder, &DOC);
    assert!(ran.out.starts_with("wrote pages/triggers.md\n"), "{}", ran.out);
    assert_eq!(read(&path), before);
    assert!(run(&folder, &DOC).out.contains("all of them as the rules have them already"));
}

#[test]
fn a_stale_page_goes_and_what_others_wrote_stays() {
    let folder = folder(&format!("{RULES}{PROFILE}"));
    run(&folder, &DOC);
    write(&folder, "pages/notes.md", "# Ours\n");
    write(&folder, "pages/deep/page.md", &format!("{MARK}\n"));
    write(&folder, "pages/page.txt", &format!("{MARK}\n"));
    assert!(folder.path().join("pages/profiles.md").exists());
    write(&folder, "rules/a.bylaw", RULES);
    let ran = run(&folder, &CHECK);
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("pages/profiles.md: stale\n"), "{}", ran.out);
    assert!(folder.path().join("pages/profiles.md").exists(), "a check removes nothing");
    let ran = run(&folder, &DOC);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.contains("removed pages/profiles.md\n"), "{}", ran.out);
    assert!(!folder.path().join("pages/profiles.md").exists());
    for kept in ["notes.md", "deep/page.md", "page.txt"] {
        assert!(folder.path().join("pages").join(kept).exists(), "{kept} is gone");
    }
    assert_eq!(run(&folder, &CHECK).code, Some(0));
}

#[test]
fn a_page_that_others_wrote_is_refused_and_nothing_is_written() {
    let folder = folder(RULES);
    write(&folder, "pages/triggers.md", "# Our triggers\n");
    for words in [&DOC[..], &CHECK[..]] {
        let ran = run(&folder, words);
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(ran.err.contains("pages/triggers.md was not written by `bylaws doc`"), "{}", ran.err);
        assert!(ran.err.contains("help: move it away, or name another folder with --out"), "{}", ran.err);
    }
    assert_eq!(read(&folder.path().join("pages/triggers.md")), "# Our triggers\n");
    assert!(!folder.path().join("pages/README.md").exists(), "half of the pages are written");
}

#[test]
fn what_cannot_be_done_is_told() {
    let bad = folder("trigger x\n  when nothing\n");
    let ran = run(&bad, &DOC);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(!bad.path().join("pages").exists(), "refused rules have no pages");
    let folder = folder(RULES);
    write(&folder, "pages", "a file");
    let ran = run(&folder, &DOC);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("pages") && ran.err.contains("help: "), "{}", ran.err);
    assert_eq!(run(&folder, &["doc", "rules"]).code, Some(2), "a folder must be named");
}
