//! Arrows 1 to 3 on one screen: files to a checked pack, with everything that is wrong with them.

use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Severity, in_source_order};
use crate::lang::check::check;
use crate::lang::item;
use crate::lang::lint::lint;
use crate::lang::pack::Pack;
use crate::lang::parse::parse;
use crate::lang::waiver::{self, Today, Waived};
use crate::settings::{self, Settings};
use crate::source::Sources;

/// What came of compiling a pack.
#[derive(Debug)]
pub struct Compiled {
    /// The files.
    pub sources: Sources,
    /// The pack, when nothing is wrong with it.
    pub pack: Option<Pack>,
    /// What was found, in source order.
    pub diagnostics: Vec<Diagnostic>,
    /// What was found and somebody answers for.
    pub waived: Vec<Waived>,
    /// The house.
    pub settings: Settings,
}

impl Compiled {
    /// How many findings of a severity there are.
    pub fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|d| d.severity() == severity).count()
    }

    /// Whether the pack is refused.
    pub fn is_refused(&self) -> bool {
        self.pack.is_none()
    }
}

/// Compiles the rule files under some paths. The house is the nearest `bylaws.toml` at or above the first of them,
/// unless another file is named. The day is the one on which waivers are judged.
pub fn compile(paths: &[PathBuf], config: Option<&Path>, today: Today) -> Compiled {
    compile_edited(paths, config, today, &[])
}

/// The same with some files as they would be after a change.
pub fn compile_edited(paths: &[PathBuf], config: Option<&Path>, today: Today, files: &[(PathBuf, String)]) -> Compiled {
    let (mut sources, mut diagnostics) = Sources::load(paths);
    for (path, text) in files {
        sources.replace(&path.display().to_string(), text.clone());
    }
    let settings = house(paths, config, &mut sources, &mut diagnostics);
    finish(sources, diagnostics, settings, today)
}

fn house(
    paths: &[PathBuf],
    config: Option<&Path>,
    sources: &mut Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Settings {
    let file = config.map(Path::to_owned).or_else(|| paths.first().and_then(|p| settings::find(p)));
    match file {
        Some(file) => Settings::load(&file, sources, diagnostics),
        None => Settings::default(),
    }
}

/// Compiles rules that are already text: names and contents of the files, and the text of a `bylaws.toml`.
/// No waiver has run out.
pub fn compile_text(files: &[(&str, &str)], house: Option<&str>) -> Compiled {
    compile_text_on(files, house, Today::Never)
}

/// Compiles rules that are already text, as of a day.
pub fn compile_text_on(files: &[(&str, &str)], house: Option<&str>, today: Today) -> Compiled {
    let mut sources = Sources::default();
    let mut diagnostics = Vec::new();
    for (name, text) in files {
        sources.add(*name, (*text).to_owned());
    }
    let settings = house
        .map_or_else(Settings::default, |t| Settings::parse(t, settings::FILE_NAME, &mut sources, &mut diagnostics));
    finish(sources, diagnostics, settings, today)
}

/// Compiles rules that are already text in a house that is known.
pub fn compile_with(files: &[(&str, &str)], settings: Settings) -> Compiled {
    let mut sources = Sources::default();
    for (name, text) in files {
        sources.add(*name, (*text).to_owned());
    }
    finish(sources, Vec::new(), settings, Today::Never)
}

fn finish(sources: Sources, mut diagnostics: Vec<Diagnostic>, settings: Settings, today: Today) -> Compiled {
    let (file, faults) = parse(&sources);
    diagnostics.extend(faults);
    let settings = item::settle(&file, settings, &mut diagnostics);
    let (pack, findings) = check(&file, &settings);
    diagnostics.extend(findings);
    let refused = diagnostics.iter().any(|d| d.severity() == Severity::Error);
    // What is wrong comes first: a name that is misspelt makes another look unused.
    if let Some(pack) = pack.as_ref().filter(|_| !refused) {
        diagnostics.extend(lint(pack, &sources));
    }
    let waived = waiver::apply(&file.waivers, &settings, today, &mut diagnostics);
    settings.weigh(&mut diagnostics);
    in_source_order(&mut diagnostics);
    let refused = diagnostics.iter().any(|d| d.severity() == Severity::Error);
    Compiled { sources, pack: pack.filter(|_| !refused), diagnostics, waived, settings }
}
