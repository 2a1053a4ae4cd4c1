//! `calendar`: zone, holidays and currency, where a pack carries its own.

use std::sync::Arc;

use jiff::civil::Date;

use super::super::print::{Block, quoted};
use super::super::syntax::{Rule, Word};
use super::{File, Head, Parsed};
use crate::diagnostic::{Code, Diagnostic};
use crate::settings::{CURRENCY_HELP, Settings, ZONE_HELP, is_currency};
use crate::source::Span;
use crate::value::listed;

// ── node ──

/// A calendar as written.
#[derive(Debug, Clone)]
pub struct Written {
    /// Place and reason.
    pub head: Head,
    time_zone: Option<Word>,
    currency: Option<Word>,
    holidays: Option<(Vec<Date>, Span)>,
}

// ── parse ──

pub(crate) fn parse(parsed: Parsed<'_>, faults: &mut Vec<Diagnostic>) -> Written {
    let holidays = parsed.once(Rule::holidays, "`holidays`", faults);
    let days = holidays.map(|node| {
        let mut days = Vec::new();
        for day in node.children().filter(|n| n.rule() == Rule::day) {
            match day.text().parse() {
                Ok(date) => days.push(date),
                Err(_) => faults.push(
                    Diagnostic::at(Code::BadLiteral, day.span(), format!("`{}` is no day", day.text()))
                        .help("write a day of the calendar as 2026-12-25"),
                ),
            }
        }
        (days, node.span())
    });
    Written {
        time_zone: parsed.once(Rule::time_zone, "`time zone`", faults).and_then(|n| n.title()),
        currency: parsed.once(Rule::currency, "`currency`", faults).map(|n| n.name(0)),
        holidays: days,
        head: parsed.head,
    }
}

// ── checked ──

/// The calendar that the pack itself declares; what it means stands in the settings too.
#[derive(Debug, Clone)]
pub struct Declared {
    /// Its first line.
    pub span: Span,
    /// Why it is so, where that is said.
    pub because: Option<Arc<str>>,
    /// The zone.
    pub time_zone: Option<Arc<str>>,
    /// The currency of plain `money`.
    pub currency: Option<Arc<str>>,
    /// Days on which nobody works.
    pub holidays: Vec<Date>,
}

// ── check ──

/// Takes over what the pack says of time and money. What bylaws.toml says too must stand in one place.
pub(crate) fn settle(file: &File, settings: &mut Settings, diagnostics: &mut Vec<Diagnostic>) {
    let [written, rest @ ..] = &file.calendars[..] else { return };
    for again in rest {
        diagnostics.push(
            Diagnostic::new(Code::Duplicate, "a pack has one calendar, and this is another")
                .label(again.head.span, "again here")
                .label(written.head.span, "first here")
                .help("put all of it into one block"),
        );
    }
    let mut free = |stated: bool, span: Span, what: &str, key: &str| {
        if stated {
            diagnostics.push(
                Diagnostic::at(Code::Duplicate, span, format!("bylaws.toml names the {what} too"))
                    .help(format!("keep this line, or `{key}` there")),
            );
        }
        !stated
    };
    let stated = settings.stated;
    let zone = written.time_zone.as_ref().filter(|w| free(stated.time_zone, w.span, "time zone", "time_zone"));
    let currency = written.currency.as_ref().filter(|w| free(stated.currency, w.span, "currency", "currency"));
    let holidays = written.holidays.as_ref().filter(|(_, s)| free(stated.holidays, *s, "holidays", "holidays"));
    if let Some((days, _)) = holidays {
        settings.calendar = settings.calendar.with_holidays(days.clone());
    }
    if let Some(zone) = zone {
        match settings.calendar.in_zone(&zone.text) {
            Ok(calendar) => settings.calendar = calendar,
            Err(message) => {
                diagnostics.push(Diagnostic::at(Code::Settings, zone.span, message).help(ZONE_HELP));
            }
        }
    }
    if let Some(currency) = currency {
        if is_currency(&currency.text) {
            settings.currency = currency.text.clone();
        } else {
            diagnostics.push(
                Diagnostic::at(Code::Settings, currency.span, format!("`{currency}` is no currency"))
                    .help(CURRENCY_HELP),
            );
        }
    }
}

/// The calendar as declared; whether it may be was told when the settings were settled.
pub(crate) fn check(written: &Written) -> Declared {
    Declared {
        span: written.head.span,
        because: written.head.because.as_ref().map(|b| b.text.clone()),
        time_zone: written.time_zone.as_ref().map(|w| w.text.clone()),
        currency: written.currency.as_ref().map(|w| w.text.clone()),
        holidays: written.holidays.as_ref().map(|(days, _)| days.clone()).unwrap_or_default(),
    }
}

// ── print ──

impl Declared {
    /// The canonical form.
    pub fn print(&self) -> Block {
        let mut block = Block::new("calendar");
        block.fact_if(self.because.as_ref().map(|b| format!("because {}", quoted(b))));
        block.fact_if(self.time_zone.as_ref().map(|z| format!("time zone {}", quoted(z))));
        block.fact_if(self.currency.as_ref().map(|c| format!("currency {c}")));
        let days: Vec<String> = self.holidays.iter().map(Date::to_string).collect();
        block.fact_if((!days.is_empty()).then(|| format!("holidays {}", listed(&days, "and"))));
        block
    }
}
