//! What fuzzing begins with: the texts of this repository, whole and block by block, and the words of the grammar.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use bylaws::diagnostic::Code;
use bylaws::page::{Page, blocks};

/// Larger texts are slow to change and say nothing that a part of them does not say.
const LARGEST: usize = 3_000;

/// The folder of the repository, from this crate or from the fuzz crate in it.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().find(|dir| dir.join("grammar").is_dir()).unwrap_or(here).to_owned()
}

/// Every file below a folder whose name ends so, in the order of names.
fn files(folder: &Path, end: &str) -> Vec<String> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            found.extend(files(&path, end));
        } else if path.extension().is_some_and(|e| e == end) {
            found.extend(fs::read_to_string(&path));
        }
    }
    found
}

/// The blocks of a rule file, comments with the block below them.
fn cut(text: &str) -> Vec<String> {
    let mut found: Vec<String> = vec![String::new()];
    let mut has_head = false;
    for line in text.split_inclusive('\n') {
        let outside = !line.starts_with([' ', '\t']) && !line.trim().is_empty();
        if outside && has_head {
            found.push(String::new());
            has_head = false;
        }
        has_head |= outside && !line.starts_with('#');
        if let Some(last) = found.last_mut() {
            last.push_str(line);
        }
    }
    found
}

/// The name a block declares: its second word.
fn name(block: &str) -> Option<&str> {
    let head = block.lines().find(|l| !l.starts_with('#') && !l.trim().is_empty())?;
    head.split([' ', ',']).nth(1).filter(|n| !n.starts_with('"'))
}

/// Every block of a pack together with all that it speaks of, so that it compiles alone: found by words, not by
/// meaning, which is enough.
fn closures(pack: &[String]) -> Vec<String> {
    let blocks: Vec<String> = pack.iter().flat_map(|text| cut(text)).collect();
    let mut declared: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let words = |i: usize| blocks[i].split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'));
    for (i, block) in blocks.iter().enumerate() {
        declared.entry(name(block).unwrap_or("")).or_default().push(i);
        // `each a venture` declares the word for one row.
        let noun = block.lines().next().and_then(|l| l.split("each a").nth(1)).and_then(|r| r.split([' ', ',']).nth(1));
        declared.entry(noun.unwrap_or("")).or_default().push(i);
    }
    declared.remove("");
    let mut found = Vec::new();
    for first in 0..blocks.len() {
        let mut held = BTreeSet::from([first]);
        let mut open = vec![first];
        let mut size = 0;
        while let Some(i) = open.pop() {
            size += blocks[i].len();
            if size > LARGEST {
                break;
            }
            for other in words(i).filter_map(|w| declared.get(w)).flatten() {
                if held.insert(*other) {
                    open.push(*other);
                }
            }
        }
        if size <= LARGEST && held.len() > 1 {
            found.push(held.iter().map(|i| &*blocks[*i]).collect());
        }
    }
    found
}

/// The packs of this repository, file by file.
fn packs() -> Vec<Vec<String>> {
    let packs: [&[&str]; 5] = [
        &["rules", "tests/rules"],
        &["examples/firms"],
        &["examples/hospital"],
        &["tests/meaning"],
        &["tests/canonical"],
    ];
    let root = root();
    packs.iter().map(|folders| folders.iter().flat_map(|f| files(&root.join(f), "bylaw")).collect()).collect()
}

/// Rules of which most compile, alone or beside the little world.
pub(crate) fn sound() -> Vec<String> {
    let mut found: BTreeSet<String> = packs().iter().flat_map(|pack| closures(pack)).collect();
    for code in Code::ALL {
        found.extend(blocks(Page::of(*code).instead, "bylaw"));
    }
    found.retain(|text| text.len() <= LARGEST);
    found.into_iter().collect()
}

/// Rules to begin with: every small text, every block, every block with what it speaks of.
pub(crate) fn rules() -> Vec<String> {
    let root = root();
    let mut found = BTreeSet::new();
    for texts in packs() {
        found.extend(closures(&texts));
        found.extend(texts.iter().flat_map(|text| cut(text)));
    }
    for text in files(&root.join("tests/ui"), "bylaw") {
        found.extend(cut(&text));
        found.insert(text);
    }
    for code in Code::ALL {
        found.extend(blocks(code.page(), "bylaw"));
    }
    found.extend(files(&root.join("tests/fuzz/found"), "bylaw"));
    found.retain(|text| text.len() <= LARGEST);
    found.into_iter().collect()
}

/// Houses to begin with.
pub(crate) fn houses() -> Vec<String> {
    let root = root();
    let mut found: BTreeSet<String> = ["examples", "tests/ui", "tests/fuzz/found"]
        .iter()
        .flat_map(|f| files(&root.join(f), "toml"))
        .chain(fs::read_to_string(root.join("bylaws.toml")))
        .collect();
    for code in Code::ALL {
        found.extend(blocks(code.page(), "toml"));
    }
    found.into_iter().collect()
}

/// The words of the grammar: what stands in quotes in it, and the phrases its keywords are.
pub(crate) fn words() -> Vec<String> {
    let mut found = BTreeSet::new();
    for text in files(&root().join("grammar"), "pest") {
        for line in text.lines().filter(|l| !l.trim_start().starts_with("//")) {
            let keyword = line.strip_prefix("k_").and_then(|l| l.split(" = ").next());
            found.extend(keyword.map(|words| words.replace('_', " ")));
            // Every second stretch between quotes stands in them; a quote that is itself meant is `"\""`.
            let line = line.replace("\\\"", "");
            found.extend(line.split('"').skip(1).step_by(2).map(str::to_owned));
        }
    }
    found.retain(|word| !word.trim().is_empty());
    found.into_iter().collect()
}
