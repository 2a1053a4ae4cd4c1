//! `waive CODE until DAY by ROLE because "…"`: what somebody answers for in a block, until a day.

use jiff::civil::Date;

use super::expr::date;
use super::syntax::{Node, Rule, Word};
use crate::diagnostic::{Code, Diagnostic, Severity, nearest};
use crate::settings::Settings;
use crate::source::Span;

/// A waiver as written.
#[derive(Debug, Clone)]
pub struct Waiver {
    /// Which lint.
    pub code: Word,
    /// The last day on which it holds.
    pub until: Date,
    /// Where that day stands.
    pub until_span: Span,
    /// Who answers for it.
    pub by: Word,
    /// Why.
    pub because: Word,
    /// The line.
    pub span: Span,
    /// The block for which it holds.
    pub block: Span,
    /// A line of the block does not read, so not all was found in it.
    pub broken: bool,
}

/// A finding that somebody answers for.
#[derive(Debug, Clone)]
pub struct Waived {
    /// The finding.
    pub diagnostic: Diagnostic,
    /// What waives it.
    pub waiver: Waiver,
}

/// The day on which waivers are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Today {
    /// Before every end: no waiver has run out.
    Never,
    /// The day that holds this moment in the zone of the house.
    At(jiff::Timestamp),
    /// This day.
    Is(Date),
}

impl Today {
    fn date(self, settings: &Settings) -> Option<Date> {
        match self {
            Today::Never => None,
            Today::At(moment) => Some(settings.calendar.date(moment)),
            Today::Is(date) => Some(date),
        }
    }
}

pub(crate) fn parse(node: &Node<'_>, block: Span, broken: bool, faults: &mut Vec<Diagnostic>) -> Option<Waiver> {
    let day = node.child(Rule::date)?;
    let until = match date(day.text()) {
        Ok((until, None)) => until,
        Ok((_, Some(_))) => {
            faults.push(
                Diagnostic::at(Code::BadLiteral, day.span(), "a waiver ends with a day")
                    .help("leave the time of the day out"),
            );
            return None;
        }
        Err((message, help)) => {
            faults.push(Diagnostic::at(Code::BadLiteral, day.span(), message).help(help));
            return None;
        }
    };
    let because = node.child(Rule::because)?.title()?;
    let (code, by) = (node.name(0), node.name(1));
    Some(Waiver { code, until, until_span: day.span(), by, because, span: node.span(), block, broken })
}

/// Takes out the findings that somebody answers for, and says which waivers have run out or waive nothing.
pub(crate) fn apply(
    waivers: &[Waiver],
    settings: &Settings,
    today: Today,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Waived> {
    let today = today.date(settings);
    let mut waived = Vec::new();
    let mut said = Vec::new();
    // What was not checked for an error has no lints, so nothing can be said of what waives them.
    let refused = diagnostics.iter().any(|d| d.severity() == Severity::Error);
    for waiver in waivers {
        let Some(code) = lint(waiver, &mut said) else { continue };
        party(waiver, settings, &mut said);
        let about = |d: &Diagnostic| {
            let block = waiver.block;
            let lies = |at: Span| at.file == block.file && block.start <= at.start && at.start < block.end;
            d.code == code && d.span().is_some_and(lies)
        };
        let any = diagnostics.iter().any(about);
        if today.is_some_and(|today| waiver.until < today) && any {
            said.push(
                Diagnostic::at(
                    Code::WaiverExpired,
                    waiver.until_span,
                    format!("this waiver of {} ended on {}", code.as_str(), waiver.until),
                )
                .help(format!("mend what it waived, or have {} answer for it until a later day", waiver.by)),
            );
        } else if any {
            waived.extend(
                diagnostics
                    .extract_if(.., |d| about(d))
                    .map(|diagnostic| Waived { diagnostic, waiver: waiver.clone() }),
            );
        } else if !waiver.broken && !refused && !waived.iter().any(|w| about(&w.diagnostic)) {
            said.push(
                Diagnostic::at(
                    Code::WaiverUnused,
                    waiver.code.span,
                    format!("{} is not found in this block, so this waives nothing", code.as_str()),
                )
                .help("leave the line out"),
            );
        } else if !waiver.broken && !refused {
            said.push(
                Diagnostic::at(
                    Code::WaiverUnused,
                    waiver.code.span,
                    format!("another line of this block waives {} already", code.as_str()),
                )
                .help("keep one of the two"),
            );
        }
    }
    diagnostics.extend(said);
    waived
}

/// The lint that a waiver names.
fn lint(waiver: &Waiver, said: &mut Vec<Diagnostic>) -> Option<Code> {
    let word = &waiver.code;
    match Code::lint(&word.text) {
        Ok(code) if !matches!(code, Code::WaiverExpired | Code::WaiverUnused) => return Some(code),
        Ok(code) => said.push(
            Diagnostic::at(
                Code::NotWaivable,
                word.span,
                format!("{} speaks of waivers, and cannot be waived", code.as_str()),
            )
            .help("mend the waiver that it speaks of"),
        ),
        Err(NoLint { message, help }) => {
            said.push(Diagnostic::at(Code::NotWaivable, word.span, message).help(help));
        }
    }
    None
}

fn party(waiver: &Waiver, settings: &Settings, said: &mut Vec<Diagnostic>) {
    let Some(roles) = &settings.roles else { return };
    let by = &waiver.by;
    if !roles.contains_key(&*by.text) {
        let near = nearest(&by.text, roles.keys().map(String::as_str));
        let help = near.unwrap_or_else(|| format!("name a role that can answer for it, or add `[roles.{by}]`"));
        said.push(Diagnostic::at(Code::UnknownParty, by.span, format!("no role is called `{by}`")).help(help));
    }
}

/// Why a word is no lint.
pub(crate) struct NoLint {
    /// What is wrong.
    pub(crate) message: String,
    /// What to write.
    pub(crate) help: String,
}

impl Code {
    /// The lint of a name such as `B0309`.
    pub(crate) fn lint(name: &str) -> Result<Code, NoLint> {
        let lints = || Code::ALL.iter().filter(|c| c.is_lint());
        match Code::parse(name) {
            Some(code) if code.is_lint() => Ok(code),
            Some(code) => Err(NoLint {
                message: format!("{} is an error, and errors are mended", code.as_str()),
                help: format!("only warnings can be waived or given a level: {}", names(lints())),
            }),
            None => Err(NoLint {
                message: format!("there is no code `{name}`"),
                help: nearest(&name.to_ascii_uppercase(), lints().map(|c| c.as_str()))
                    .unwrap_or_else(|| format!("the warnings are {}", names(lints()))),
            }),
        }
    }
}

fn names<'a>(codes: impl Iterator<Item = &'a Code>) -> String {
    let codes: Vec<&str> = codes.map(|c| c.as_str()).collect();
    crate::value::listed(&codes, "and")
}
