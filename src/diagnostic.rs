//! The one shape in which anything wrong with rules is told: a stable code, a sentence, places, and what to do.

use std::fmt;

use miette::{LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use serde_json::json;

use crate::source::{FileId, SourceFile, Sources, Span};
use crate::value::with_article;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $number:literal, $severity:ident;)+) => {
        /// What is wrong. Numbers are stable: one is never used again for something else.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($(#[doc = $doc])+ $name,)+ }

        impl Code {
            /// Every code, in the order of its number.
            pub const ALL: &'static [Code] = &[$(Code::$name,)+];

            /// The code as printed, such as `B0201`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => concat!("B", $number),)+ }
            }

            /// How grave it is.
            pub fn severity(self) -> Severity {
                match self { $(Code::$name => Severity::$severity,)+ }
            }

            /// The page that explains it, in Markdown. A code without a page does not compile.
            pub fn page(self) -> &'static str {
                match self { $(Code::$name => include_str!(concat!("../docs/codes/B", $number, ".md")),)+ }
            }

            /// Whether it is a lint: the pack stands, and the house says how much it minds.
            pub fn is_lint(self) -> bool {
                self.severity() == Severity::Warning
            }

            /// The code of a name such as `B0201`.
            pub fn parse(name: &str) -> Option<Code> {
                Code::ALL.iter().copied().find(|c| c.as_str().eq_ignore_ascii_case(name))
            }

            /// One line on what it stands for.
            pub fn summary(self) -> &'static str {
                match self { $(Code::$name => concat!($($doc,)+).trim_ascii(),)+ }
            }
        }
    };
}

codes! {
    /// a file or folder cannot be read
    CannotRead = "0001", Error;
    /// a folder holds no rule files
    NoRuleFiles = "0002", Error;
    /// bylaws.toml is wrong
    Settings = "0003", Error;
    /// bylaws.toml says what nobody reads
    UnknownSetting = "0004", Error;

    /// a tab where blanks are expected
    Tab = "0101", Error;
    /// an indented line that belongs to no block
    StrayLine = "0102", Error;
    /// the first word of a block is no noun
    UnknownNoun = "0103", Error;
    /// a line does not read as a fact of its block
    Syntax = "0104", Error;
    /// a fact that belongs to another noun
    WrongNoun = "0105", Error;
    /// parentheses nested too deep
    TooDeep = "0106", Error;
    /// and and or mixed without parentheses
    MixedJoint = "0107", Error;
    /// a number, date, time or unit that cannot be
    BadLiteral = "0108", Error;
    /// a row of a table with too many or too few cells
    TableShape = "0109", Error;

    /// a name nobody declares
    UnknownName = "0201", Error;
    /// a name declared twice
    Duplicate = "0202", Error;
    /// a name that could mean several things
    Ambiguous = "0203", Error;
    /// a metric that depends on itself
    Cycle = "0204", Error;
    /// no way leads from one noun to the other
    NoPath = "0205", Error;
    /// a name of another kind than is needed here
    WrongKind = "0206", Error;
    /// a row that is looked for in itself
    OwnRow = "0207", Warning;

    /// two units that do not go together
    UnitMismatch = "0301", Error;
    /// values of two grains combined
    GrainMismatch = "0302", Error;
    /// a condition where a value is needed, or a value where a condition is needed
    NotACondition = "0303", Error;
    /// a metric that mixes aggregate, shift and formula
    MixedMetric = "0304", Error;
    /// a time that cannot be compared or shifted so
    BadTime = "0305", Error;
    /// an aggregate that cannot be taken of this
    BadAggregate = "0306", Error;
    /// a word that the column or param cannot be
    UnknownWord = "0307", Error;
    /// a ratio whose divisor can be negative
    NegativeDivisor = "0308", Warning;
    /// a change from a base that can be zero or negative
    ChangeFromNegative = "0309", Warning;
    /// rows that need a date and have none
    NoDate = "0310", Error;
    /// part of a period held against a whole one
    PartOfPeriod = "0311", Error;
    /// more or less asked of what has no order
    NoOrder = "0312", Error;
    /// amounts of several currencies put together
    MixedCurrencies = "0313", Error;

    /// a fact that must be there is missing
    MissingFact = "0401", Error;
    /// a fact that may stand once stands twice
    RepeatedFact = "0402", Error;
    /// a value outside its range
    OutOfRange = "0403", Error;
    /// a range whose first bound is above its second
    EmptyRange = "0404", Error;
    /// a requirement that the current values or a profile break
    RequireBroken = "0405", Error;
    /// acceptable is stricter than the target, or looks the other way
    BandsCrossed = "0406", Error;
    /// a bare number where a param belongs
    BareNumber = "0407", Warning;
    /// a word that is also a param
    WordIsParam = "0408", Warning;
    /// a block or a setting that does not say why
    NoReason = "0409", Error;
    /// a param that does not say how far it may be tuned
    NoRange = "0410", Error;
    /// a line that is never reached
    NeverReached = "0411", Error;

    /// a step that cannot stand where it stands
    StepOrder = "0501", Error;
    /// a step writes what it may not
    StepWrites = "0502", Error;
    /// a required column of a new row is not given
    StepIncomplete = "0503", Error;
    /// a role, channel, agent or tool that bylaws.toml does not know
    UnknownParty = "0504", Error;
    /// no decision, or several, about what is asked
    Decision = "0505", Error;
    /// rules that set each other off without a cooldown and a depth
    Cascade = "0506", Error;
    /// two rules set the same column
    WriteConflict = "0507", Error;
    /// a step that cannot be taken back and that nobody is asked about
    Irreversible = "0508", Error;
    /// a step speaks of what no step above introduces
    NotIntroduced = "0509", Error;
    /// an answer to a question that nobody asks
    NotAsked = "0510", Error;
    /// somebody proposes what they may not
    NotProposable = "0511", Error;

    /// a test that cannot run as written
    TestSetup = "0601", Error;
    /// a row refers to one that nobody gave
    TestOrphan = "0602", Error;
    /// a test that expects nothing
    ExpectsNothing = "0603", Error;
    /// a test whose clock does not stand or runs backwards
    TestClock = "0604", Error;
    /// an expectation that does not say of which key, or of too many
    TestKey = "0605", Error;

    /// a waiver that has run out
    WaiverExpired = "0701", Warning;
    /// a waiver that waives nothing
    WaiverUnused = "0702", Warning;
    /// a waiver of what cannot be waived
    NotWaivable = "0703", Error;

    /// a rule that can become impossible
    NeverHolds = "0801", Warning;
    /// a rule that can become always true
    AlwaysHolds = "0802", Warning;
    /// what is acceptable can become stricter than the target
    BandsCanCross = "0803", Warning;
    /// a rule that can clear while it holds
    ClearsWhileHolding = "0804", Warning;

    /// a metric that nothing uses
    UnusedMetric = "0811", Warning;
    /// a param that nothing uses
    UnusedParam = "0812", Warning;
    /// a contract that no rule reads
    UnreadContract = "0813", Warning;
    /// a latest value that may be of any age
    NoFreshness = "0814", Warning;
    /// a stage without a gate out of it
    NoExitGate = "0815", Warning;
    /// a stage that nothing takes back
    NoRollback = "0816", Warning;

    /// parts of the rules that this version judges and plans but does not execute
    NotExecuted = "0901", Note;
    /// how often rules can fire at worst
    WorstCase = "0902", Note;
}

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The pack is refused.
    Error,
    /// The pack stands; somebody should look.
    Warning,
    /// Said so that nobody is surprised.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        })
    }
}

/// A place with what it has to do with the matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there; empty when the message says it all.
    pub text: String,
}

/// One thing wrong with the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which fault.
    pub code: Code,
    /// One sentence in the domain's words.
    pub message: String,
    /// Places; the first is the one to look at.
    pub labels: Vec<Label>,
    /// What to write or do instead.
    pub help: Option<String>,
    /// How grave it is: of a lint the house may say otherwise than its code.
    pub severity: Severity,
}

impl Diagnostic {
    /// A finding without a place.
    pub fn new(code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic { code, message: spoken(message.into()), labels: Vec::new(), help: None, severity: code.severity() }
    }

    /// A finding at a place.
    pub fn at(code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, message).label(span, "")
    }

    /// Adds a place.
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.labels.push(Label { span, text: spoken(text.into()) });
        self
    }

    /// Says what to do.
    pub fn help(mut self, text: impl Into<String>) -> Diagnostic {
        self.help = Some(spoken(text.into()));
        self
    }

    /// Says what to do, when there is something to say.
    pub fn help_if(self, text: Option<String>) -> Diagnostic {
        match text {
            Some(text) => self.help(text),
            None => self,
        }
    }

    /// How grave it is.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// Where to look first.
    pub fn span(&self) -> Option<Span> {
        self.labels.first().map(|l| l.span)
    }
}

/// A text with `an` before the words that need it: the nouns of messages come from the rules.
fn spoken(text: String) -> String {
    // After a name that is itself called `a` stands a word of the language, which is no noun.
    const NO_NOUNS: [&str; 10] = ["and", "are", "as", "at", "in", "is", "of", "on", "or", "over"];
    let mut out = String::with_capacity(text.len() + 4);
    let mut rest = &*text;
    while let Some(at) = rest.find("a ") {
        let (before, after) = (&rest[..at], &rest[at + 2..]);
        let alone = !before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '\'' | '-'));
        let noun = after.trim_start_matches('`');
        let word = noun.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
        out.push_str(before);
        let an = alone && !NO_NOUNS.contains(&word) && with_article(word).starts_with("an ");
        out.push_str(if an { "an " } else { "a " });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Sorts findings into source order and drops repetitions.
pub fn in_source_order(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|a, b| (a.span(), a.code, &a.message).cmp(&(b.span(), b.code, &b.message)));
    diagnostics.dedup();
}

/// `did you mean …` for the nearest of the known names, when one is near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest_name(word, known).map(|name| format!("did you mean `{name}`?"))
}

/// The nearest of the known names, when one is near enough to be meant.
pub fn nearest_name<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).clamp(1, 4);
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(word, name), name))
        .filter(|(distance, name)| {
            *distance <= limit
                || (word.len() > 3 && name.len() > 3 && (name.starts_with(word) || word.starts_with(name)))
        })
        .min()
        .map(|(_, name)| name)
}

/// A diagnostic together with the text it speaks of, as miette draws it.
struct Drawn<'a> {
    diagnostic: &'a Diagnostic,
    sources: &'a Sources,
    file: Option<FileId>,
    elsewhere: Vec<Elsewhere<'a>>,
}

/// A label in another file than the first: drawn below, without a heading of its own.
struct Elsewhere<'a> {
    label: &'a Label,
    file: &'a SourceFile,
}

impl<'a> Drawn<'a> {
    fn new(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Drawn<'a> {
        let file = diagnostic.span().map(|s| s.file);
        let elsewhere = diagnostic
            .labels
            .iter()
            .filter(|l| Some(l.span.file) != file)
            .map(|label| Elsewhere { label, file: sources.file(label.span.file) })
            .collect();
        Drawn { diagnostic, sources, file, elsewhere }
    }
}

/// A text that nobody could read whole, cut in its middle.
fn shortened(text: &str) -> String {
    const MOST: usize = 1_200;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    let head: String = text.chars().take(MOST / 2).collect();
    let tail: String = text.chars().rev().take(MOST / 4).collect::<Vec<_>>().into_iter().rev().collect();
    format!("{head} … {tail}")
}

/// Longer stretches of source are cut around the place.
const LONGEST_SHOWN: usize = 4_000;

impl SourceCode for SourceFile {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        context_before: usize,
        context_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let first = self.line_of(span.offset() as u32);
        let last = self.line_of((span.offset() + span.len().max(1) - 1) as u32);
        let from_line = first.saturating_sub(context_before);
        let from = self.line_start(from_line);
        let to = self.line_start((last + context_after + 1).min(self.line_count()));
        // Of a line that no screen holds only the surroundings of the place are shown.
        if to - from > LONGEST_SHOWN {
            let edge = |at: usize| {
                (0..4).map(|i| at.saturating_sub(i)).find(|at| self.text.is_char_boundary(*at)).unwrap_or(from)
            };
            let near = edge(span.offset().saturating_sub(60)).max(from);
            let line = self.line_of(near as u32);
            let far = edge((span.offset() + span.len().clamp(1, 200) + 60).min(to)).max(near);
            let data = &self.text.as_bytes()[near..far];
            let covered = SourceSpan::from((near, far - near));
            let column = near - self.line_start(line);
            return Ok(Box::new(MietteSpanContents::new_named(self.name.clone(), data, covered, line, column, 1)));
        }
        let data = self.text.as_bytes().get(from..to).ok_or(MietteError::OutOfBounds)?;
        let lines = data.iter().filter(|b| **b == b'\n').count();
        let covered = SourceSpan::from((from, to - from));
        Ok(Box::new(MietteSpanContents::new_named(self.name.clone(), data, covered, from_line, 0, lines)))
    }
}

fn source_span(span: Span) -> SourceSpan {
    // A place longer than a screen is marked where it begins.
    SourceSpan::from((span.start as usize, ((span.end - span.start) as usize).min(LONGEST_SHOWN)))
}

impl fmt::Debug for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.diagnostic.fmt(f)
    }
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shortened(&self.diagnostic.message))
    }
}

impl std::error::Error for Drawn<'_> {}

impl miette::Diagnostic for Drawn<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.diagnostic.code.as_str()))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity() {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Note => miette::Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.diagnostic.help.as_ref().map(|h| Box::new(shortened(h)) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.file.map(|f| self.sources.file(f) as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let here = self.diagnostic.labels.iter().filter(|l| Some(l.span.file) == self.file).map(|l| {
            let text = (!l.text.is_empty()).then(|| l.text.clone());
            LabeledSpan::new_with_span(text, source_span(l.span))
        });
        Some(Box::new(here))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        if self.elsewhere.is_empty() {
            return None;
        }
        Some(Box::new(self.elsewhere.iter().map(|e| e as &dyn miette::Diagnostic)))
    }
}

impl fmt::Debug for Elsewhere<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.label.fmt(f)
    }
}

impl fmt::Display for Elsewhere<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label.text)
    }
}

impl std::error::Error for Elsewhere<'_> {}

impl miette::Diagnostic for Elsewhere<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(miette::Severity::Advice)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.file)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(None, source_span(self.label.span)))))
    }
}

/// How a diagnostic is drawn for a person.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Whether colours may be used.
    pub colour: bool,
    /// Columns of the terminal.
    pub width: usize,
}

/// Draws one finding with its lines of source.
pub fn render(diagnostic: &Diagnostic, sources: &Sources, style: Style) -> String {
    let theme =
        if style.colour { miette::GraphicalTheme::unicode() } else { miette::GraphicalTheme::unicode_nocolor() };
    let handler = miette::GraphicalReportHandler::new_themed(theme)
        .with_width(style.width)
        .with_context_lines(0)
        .with_links(false);
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = handler.render_report(&mut out, &Drawn::new(diagnostic, sources));
    out
}

/// One finding as a JSON object on one line, for other programs.
pub fn json(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let place = |span: Span| {
        let file = sources.file(span.file);
        let (line, column) = file.position(span.start);
        let (end_line, end_column) = file.position(span.end);
        json!({"file": file.name, "line": line, "column": column, "end_line": end_line, "end_column": end_column})
    };
    let labels: Vec<_> = diagnostic
        .labels
        .iter()
        .map(|l| {
            let mut at = place(l.span);
            if !l.text.is_empty() {
                at["text"] = json!(l.text);
            }
            at
        })
        .collect();
    json!({
        "v": 1,
        "code": diagnostic.code.as_str(),
        "severity": diagnostic.severity().to_string(),
        "message": diagnostic.message,
        "places": labels,
        "help": diagnostic.help,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_ascending() {
        assert!(Code::ALL.windows(2).all(|w| w[0].as_str() < w[1].as_str()));
    }

    #[test]
    fn vowels_are_spoken_after_an() {
        let said = |text: &str| spoken(text.to_owned());
        assert_eq!(
            said("belongs to a overlap of a user, a hour, a `id`"),
            "belongs to an overlap of a user, an hour, an `id`"
        );
        assert_eq!(said("a as percent of b; data alone; a 8"), "a as percent of b; data alone; a 8");
    }

    #[test]
    fn the_nearest_name_is_near() {
        let known = ["threshold", "trigger", "gate"];
        assert_eq!(nearest_name("treshold", known), Some("threshold"));
        assert_eq!(nearest_name("banana", known), None);
    }
}
