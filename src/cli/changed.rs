//! `--changed-since REV`: which findings a change answers for.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::Fault;
use super::formats::Paths;
use super::revision::Revision;
use crate::compile::{Compiled, compile_text_on};
use crate::diagnostic::{Code, Diagnostic};
use crate::lang::syntax::layout;
use crate::lang::waiver::Today;
use crate::source::{FileId, Sources, Span};

/// What a revision says of the same rules.
pub(super) struct Since {
    /// The texts of all blocks there, whatever file they stand in: a block that has only moved has not changed.
    blocks: BTreeSet<String>,
    /// What was found there already.
    found: BTreeSet<(Code, String)>,
    /// The text of bylaws.toml there.
    house: Option<String>,
}

impl Since {
    /// Reads the rules of a revision.
    pub(super) fn read(
        rev: &str,
        named: &[PathBuf],
        paths: &Paths<'_>,
        house: Option<&str>,
        today: Today,
    ) -> Result<Since, Fault> {
        let Revision { files, house } = Revision::read(rev, named, paths, house)?;
        let texts: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
        let then = compile_text_on(&texts, house.as_deref(), today);
        let blocks = then.sources.iter().filter(|(_, f)| !f.name.ends_with(".toml")).flat_map(|(id, _)| {
            let spans = blocks(&then.sources, id);
            spans.into_iter().map(|span| then.sources.text(span).to_owned()).collect::<Vec<_>>()
        });
        Ok(Since {
            blocks: blocks.collect(),
            found: then.diagnostics.iter().map(|d| (d.code, d.message.clone())).collect(),
            house,
        })
    }

    /// Whether the change since then answers for a finding: one of its places lies in a block whose text differs, or
    /// it was not found then, as when something that a rule needs has been taken away.
    pub(super) fn answers_for(&self, diagnostic: &Diagnostic, compiled: &Compiled) -> bool {
        let sources = &compiled.sources;
        let differs = |at: Span| {
            let file = sources.file(at.file);
            if file.name.ends_with(".toml") {
                return self.house.as_deref() != Some(&*file.text);
            }
            let all = blocks(sources, at.file);
            let block = all.iter().find(|b| b.start <= at.start && at.start <= b.end);
            block.is_some_and(|block| !self.blocks.contains(sources.text(*block)))
        };
        diagnostic.labels.is_empty()
            || diagnostic.labels.iter().any(|label| differs(label.span))
            || !self.found.contains(&(diagnostic.code, diagnostic.message.clone()))
    }
}

fn blocks(sources: &Sources, file: FileId) -> Vec<Span> {
    layout(sources, file, &mut Vec::new()).iter().map(|block| block.span()).collect()
}
