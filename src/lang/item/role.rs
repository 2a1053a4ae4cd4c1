//! `role`: somebody who may be told, asked, or decide, where a pack names its own people.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::expr::whole;
use super::super::print::{Block, quoted};
use super::super::syntax::{Rule, Word};
use super::{File, Head, Parsed};
use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::settings::{Role, Settings};
use crate::source::Span;

// ── node ──

/// A role as written.
#[derive(Debug, Clone)]
pub struct Written {
    /// Name and reason.
    pub head: Head,
    answers_to: Option<Word>,
    role: Role,
}

// ── checked ──

/// A role that the pack itself declares; what it means stands in the settings too.
#[derive(Debug, Clone)]
pub struct Declared {
    /// Its name.
    pub name: Arc<str>,
    /// Its first line.
    pub span: Span,
    /// Why it exists, where that is said.
    pub because: Option<Arc<str>>,
    /// What is said of it.
    pub role: Role,
}

// ── parse ──

pub(crate) fn parse(parsed: Parsed<'_>, faults: &mut Vec<Diagnostic>) -> Written {
    let quorum = parsed.once(Rule::quorum, "`quorum`", faults).map(|n| match n.child(Rule::number) {
        Some(number) => whole(&number, 1..=1000, "quorum", faults).unwrap_or(1).to_string(),
        None => if n.has(Rule::k_all) { "all" } else { "majority" }.to_owned(),
    });
    let answers_to = parsed.once(Rule::answers_to, "`answers to`", faults).map(|n| n.name(0));
    let role = Role {
        column: parsed.once(Rule::named_by, "`named by`", faults).map(|n| n.name(0).text.to_string()),
        quorum,
        above: answers_to.as_ref().map(|w| w.text.to_string()),
        decides: parsed.once(Rule::k_decides, "`decides`", faults).is_some(),
        people: parsed
            .once(Rule::held_by, "`held by`", faults)
            .and_then(|n| n.child(Rule::titles).map(|t| t.children().map(|t| t.quoted().text.to_string()).collect()))
            .unwrap_or_default(),
    };
    Written { answers_to, role, head: parsed.head }
}

// ── check ──

/// Adds the roles of a pack to those of the house. One role has one home.
pub(crate) fn settle(file: &File, settings: &mut Settings, diagnostics: &mut Vec<Diagnostic>) {
    if file.roles.is_empty() {
        return;
    }
    let mut roles = settings.roles.take().unwrap_or_default();
    let mut places: HashMap<&str, Span> = HashMap::new();
    for written in &file.roles {
        let name = &written.head.name;
        let twice = match places.get(&*name.text) {
            Some(first) => Diagnostic::new(Code::Duplicate, format!("the role `{name}` is declared twice"))
                .label(name.span, "again here")
                .label(*first, "first here")
                .help("keep one of them"),
            None if roles.contains_key(&*name.text) => {
                Diagnostic::at(Code::Duplicate, name.span, format!("bylaws.toml names the role `{name}` too"))
                    .help(format!("keep this block, or `[roles.{name}]` there"))
            }
            None => {
                places.insert(&name.text, name.span);
                roles.insert(name.text.to_string(), written.role.clone());
                continue;
            }
        };
        diagnostics.push(twice);
    }
    for above in file.roles.iter().filter_map(|r| r.answers_to.as_ref()) {
        if !roles.contains_key(&*above.text) {
            diagnostics.push(
                Diagnostic::at(Code::UnknownParty, above.span, format!("no role is called `{above}`")).help(
                    nearest(&above.text, roles.keys().map(String::as_str))
                        .unwrap_or_else(|| format!("add a block `role {above}`")),
                ),
            );
        }
    }
    for written in file.roles.iter().filter(|w| w.role.decides) {
        let own = &written.head.name;
        let later =
            |name: &str| file.roles.iter().any(|w| *w.head.name.text == *name && w.head.span.start > own.span.start);
        if let Some((other, _)) = roles.iter().find(|(n, role)| role.decides && ***n != *own.text && !later(n)) {
            diagnostics.push(
                Diagnostic::at(Code::Duplicate, own.span, format!("`{own}` decides, and so does `{other}`"))
                    .help("what no decision gives to anybody is decided by one role: keep `decides` with one of them"),
            );
        }
    }
    settings.roles = Some(roles);
}

/// The role as declared; whether it may be was told when the settings were settled.
pub(crate) fn check(written: &Written) -> Declared {
    Declared {
        name: written.head.name.text.clone(),
        span: written.head.span,
        because: written.head.because.as_ref().map(|b| b.text.clone()),
        role: written.role.clone(),
    }
}

// ── print ──

impl Declared {
    /// The canonical form.
    pub fn print(&self) -> Block {
        let mut block = Block::new(format!("role {}", self.name));
        let role = &self.role;
        block.fact_if(self.because.as_ref().map(|b| format!("because {}", quoted(b))));
        block.fact_if(role.above.as_ref().map(|a| format!("answers to {a}")));
        block.fact_if(role.column.as_ref().map(|c| format!("named by {c}")));
        block.fact_if(role.decides.then(|| "decides".to_owned()));
        block.fact_if(role.quorum.as_ref().map(|q| format!("quorum {q}")));
        let people: Vec<String> = role.people.iter().map(|p| quoted(p)).collect();
        block.fact_if((!people.is_empty()).then(|| format!("held by {}", people.join(", "))));
        block
    }
}
