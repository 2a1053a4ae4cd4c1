//! The command line: the only room that prints.

mod backtest;
mod baseline;
mod board;
mod changed;
mod check;
mod demo;
mod doc;
mod explain;
mod fmt;
mod formats;
mod history;
mod init;
mod ledger;
mod manual;
mod migrate;
mod output;
mod plan;
mod progress;
mod quality;
mod replay;
mod revision;
mod run;
mod set;
mod show;
mod status;
mod test;
mod verify;
mod why;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

use self::output::Out;
use crate::compile::{Compiled, compile};
use crate::lang::pack::Pack;
use crate::lang::waiver::Today;
use crate::settings::{self, Settings};
use crate::source::Sources;
use crate::store::{Access, Store};
use crate::time::Calendar;

/// Rules for a portfolio of ventures that a chairman can read, a compiler can trust and a daemon keeps.
#[derive(Debug, Parser)]
#[command(
    name = "bylaws",
    version,
    max_term_width = 100,
    after_help = "\
Exit codes: 0 all is well; 1 findings (an error in the rules, a failed test, a rule that fires, a breach, an \
unknown); 2 wrong use, or the world is not as it should be.\n\nFirst steps: `bylaws demo` shows rules at work; \
`bylaws init` writes a first rule file; `bylaws check` judges your rules."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// When to use colours; NO_COLOR is obeyed
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN", help_heading = "Output")]
    color: Colour,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Colour {
    /// On a terminal
    Auto,
    /// Also into files and pipes
    Always,
    /// Not at all
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Judge the rules themselves: names, units, grain, ranges, order of steps
    ///
    /// Reads every .bylaw file under the paths as one pack and reports everything that is wrong at once, in source
    /// order. Exit 0 without errors (warnings may stand), 1 with errors, 2 when a path cannot be read.
    #[command(visible_alias = "validate")]
    Check(check::Options),
    /// Show only the lints of the rules, with the levels of bylaws.toml
    ///
    /// `[lints] B0407 = "off"` (or "note", "warn", "deny") says how much the house minds one; a line
    /// `waive B0407 until 2027-01-31 by chairman because "…"` in a block answers for one until a day.
    Lint(check::Options),
    /// Run the tests that stand in the rules
    ///
    /// Each test gets a database of its own, filled with its `given` tables, and a clock that only its lines move.
    Test(test::Options),
    /// Write rules in their canonical form: words for signs, columns under columns, comments kept
    ///
    /// The meaning of a rule never changes. A file that does not read is left as it is and told, exit 1. `-` reads
    /// standard input and writes standard output.
    Fmt(fmt::Options),
    /// Say what a code means, why it matters and what to write instead
    ///
    /// Exit 2 when there is no such code.
    Explain(explain::Options),
    /// Show a rule or metric: its text, what it reads, how it is computed
    Show(show::Options),
    /// Write the rules as pages for people: Markdown with links and drawings
    ///
    /// Parameters, metrics, thresholds, gates, triggers, decision rights, rollbacks, data contracts, lineage, reports
    /// and every name, each in the words of the language, with what it uses and what uses it. The same rules give the
    /// same pages. Pages that an earlier run wrote and that are no longer needed are removed; a file that this command
    /// did not write is never touched, and one that stands in the way is an error (exit 2). `--check` writes nothing
    /// and exits 1 when the folder is not as the rules have it: for a CI. For example: bylaws doc --out docs/rules
    Doc(doc::Options),
    /// Change a param: one line in settings.bylaw, checked, written and committed
    ///
    /// The change is refused with the findings of `check` where the rules would not stand with it. In a Git repository
    /// without uncommitted changes it becomes a commit of its own.
    Set(set::Set),
    /// Give a param its default again, or all of them
    Reset(set::Reset),
    /// Show the named sets of params, or put one in force
    Profile(set::Profiles),
    /// Judge the portfolio once and print the board; nothing is written without --record
    ///
    /// With `--record` it is one real tick: triggers and rollbacks that are due are judged and decided, what they remember
    /// is kept, and verdicts that changed and decisions are appended to the ledger, all of it in one transaction. The same
    /// moment twice appends nothing.
    ///
    /// Exit 0 when nothing needs attention, 1 when something fires, is breached, violated or unknown.
    Run(run::Options),
    /// Show what is in force, what is blind and why, what fires, and who is waited for until when
    ///
    /// All of it as the last `run --record` left it; nothing is judged. Exit 1 when something fires or is unknown,
    /// breached or violated.
    Status(status::Options),
    /// Show what the ledger tells of a rule, the newest last
    ///
    /// For example: bylaws history revenue_low atlas --since 2026-03-01. Exit 1 when there is nothing to tell.
    History(history::Options),
    /// Check that nobody changed, removed or reordered a row of the ledger
    ///
    /// Prints the hash of the last row and how many there are. Keep that hash elsewhere: with `--head HASH` also rows
    /// that are missing at the end are found. Exit 1 with every fault named.
    Verify(verify::Options),
    /// Compute an entry of the ledger again from what it was made of, and compare
    ///
    /// The words of the rule and of all it uses, the values it read, its params and what it remembered are in the
    /// ledger. Exit 0 when the same comes of them byte for byte, 1 with the differences.
    Replay(replay::Options),
    /// Take old rows out of the ledger
    Ledger(ledger::Options),
    /// Show what a change of the rules would decide otherwise, before it lands; nothing is written
    ///
    /// Old and new rules are judged on one state of the database at one moment: verdicts that change and why, what
    /// would follow from them, params that move, rules that come and go, and what becomes of what rules remember.
    /// Exit 0 when nothing changes, 1 when something does, 2 when one of the two does not stand or the database cannot
    /// be read. In a CI: bylaws plan --against origin/main --db portfolio.db --format markdown
    Plan(plan::Options),
    /// Say why a rule gives the verdict it gives, or why it does not give another
    ///
    /// Each part of the condition with its value and limit, which of them decided, what would have made the verdict
    /// another, what the numbers are made of, where params are set, and how fresh the data is. Without KEY, a rule that
    /// is judged for each row gives a table, the worst first. Exit 0; 1 when there is no such key; 2 when there is no
    /// such rule or the database cannot be read. For example: bylaws why PORTFOLIO-002 cto --db portfolio.db
    #[command(visible_alias = "why-not")]
    Why(why::Options),
    /// Run the rules over the past: what would have fired, when first, and who would have been asked
    ///
    /// Every rule is judged at the instants at which it would have been due, with memory carried, from what was known
    /// then: rows by their dates, current state by the change log. What nobody kept is unknown, and said once. What holds
    /// already on the first day counts as a firing of that day. Nothing is carried out and nobody answers: what is asked
    /// stays open. Thresholds are looked at once a day. Exit 0; 1 when a bound is not kept; 2 when the rules do not stand or the database cannot be
    /// read. In a CI: bylaws backtest --from 2026-01-01 --to 2026-03-31 --max-firings PORTFOLIO-002=3 --db portfolio.db
    Backtest(backtest::Options),
    /// Create or update the tables the program needs in a database
    Migrate(migrate::Options),
    /// Take or show the state that `since baseline` compares with
    Baseline(baseline::Options),
    /// Make a portfolio of twelve ventures, judge the shipped rules over it and show the board
    Demo(demo::Options),
    /// Write a bylaws.toml, a first rule file and a pre-commit hook
    Init(init::Options),
    /// Print the completions of a shell
    ///
    /// For example: bylaws completions bash > /etc/bash_completion.d/bylaws
    Completions(manual::Completions),
    /// Write the manual pages
    Man(manual::Manual),
}

/// Which rules a command speaks of.
#[derive(Debug, Args)]
struct PackArgs {
    /// Folders and files of rules, which form one pack [default: the paths of bylaws.toml, else `rules`]
    paths: Vec<PathBuf>,
    /// The bylaws.toml to use [default: the nearest at or above the first path]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Which database a command speaks of.
#[derive(Debug, Args)]
struct DatabaseArgs {
    /// Database: a path or sqlite:PATH [default: the url of bylaws.toml]
    #[arg(long, value_name = "URL")]
    db: Option<String>,
}

/// Where a command finds what the program remembers.
#[derive(Debug, Args)]
struct StateArgs {
    /// Database of what the program remembers and of its ledger [default: the state of bylaws.toml, else the database]
    #[arg(long, value_name = "URL")]
    state: Option<String>,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// The house and the place of the ledger, for commands that need no rules.
#[derive(Debug, Args)]
struct LedgerArgs {
    #[command(flatten)]
    state: StateArgs,
    /// The bylaws.toml to use [default: the nearest at or above this folder]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// A fault of the world or of the call: a sentence and what to do.
struct Fault {
    message: String,
    help: Option<String>,
}

impl Fault {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Fault {
        Fault { message: message.into(), help: Some(help.into()) }
    }
}

impl From<crate::store::StoreError> for Fault {
    fn from(error: crate::store::StoreError) -> Fault {
        Fault { help: (!error.help.is_empty()).then(|| error.help.clone()), message: error.message }
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Fault {
        Fault { message: format!("the output cannot be written: {error}"), help: None }
    }
}

type Done = Result<ExitCode, Fault>;

const FINE: ExitCode = ExitCode::SUCCESS;

fn findings() -> ExitCode {
    ExitCode::from(1)
}

fn world() -> ExitCode {
    ExitCode::from(2)
}

/// Runs the program with the arguments it was called with.
pub fn main() -> ExitCode {
    // Deep rules and long chains are refused by limits; the room for what they allow is ours to bring.
    let worker = std::thread::Builder::new().stack_size(64 * 1024 * 1024).spawn(run_command);
    match worker.map(std::thread::JoinHandle::join) {
        Ok(Ok(code)) => code,
        _ => world(),
    }
}

fn run_command() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { world() } else { FINE };
        }
    };
    let mut out = Out::new(cli.color);
    let done = match cli.command {
        Command::Check(options) => check::run(&options, &mut out),
        Command::Lint(options) => check::lint(&options, &mut out),
        Command::Test(options) => test::run(&options, &mut out),
        Command::Fmt(options) => fmt::run(&options, &mut out),
        Command::Explain(options) => explain::run(&options, &mut out),
        Command::Show(options) => show::run(&options, &mut out),
        Command::Doc(options) => doc::run(&options, &mut out),
        Command::Set(options) => set::set(&options, &mut out),
        Command::Reset(options) => set::reset(&options, &mut out),
        Command::Profile(options) => set::profiles(&options, &mut out),
        Command::Run(options) => run::run(&options, &mut out),
        Command::Status(options) => status::run(&options, &mut out),
        Command::History(options) => history::run(&options, &mut out),
        Command::Verify(options) => verify::run(&options, &mut out),
        Command::Replay(options) => replay::run(&options, &mut out),
        Command::Ledger(options) => ledger::run(&options, &mut out),
        Command::Plan(options) => plan::run(&options, &mut out),
        Command::Why(options) => why::run(&options, &mut out),
        Command::Backtest(options) => backtest::run(&options, &mut out),
        Command::Migrate(options) => migrate::run(&options, &mut out),
        Command::Baseline(options) => baseline::run(&options, &mut out),
        Command::Demo(options) => demo::run(&options, &mut out),
        Command::Init(options) => init::run(&options, &mut out),
        Command::Completions(options) => manual::completions(&options, &mut out),
        Command::Man(options) => manual::manual(&options, &mut out),
    };
    match done {
        Ok(code) => out.finish(code),
        // A reader that has seen enough is no fault.
        Err(fault) if fault.message.contains("Broken pipe") => FINE,
        Err(fault) => {
            let _ = out.finish(FINE);
            out.fault(&fault);
            world()
        }
    }
}

impl PackArgs {
    /// The paths that were named, or those of the house.
    fn resolved(&self) -> Vec<PathBuf> {
        if !self.paths.is_empty() {
            return self.paths.clone();
        }
        let here = PathBuf::from(".");
        if let Some(file) = self.config.clone().or_else(|| settings::find(&here)) {
            let (mut sources, mut ignored) = (Sources::default(), Vec::new());
            let house = Settings::load(&file, &mut sources, &mut ignored);
            let folder = file.parent().map(PathBuf::from).unwrap_or_default();
            let current = std::env::current_dir().unwrap_or_default();
            // Paths are shown as one would write them from here.
            let folder = folder.strip_prefix(&current).map(PathBuf::from).unwrap_or(folder);
            let paths: Vec<PathBuf> = house.rules.iter().map(|p| folder.join(p)).filter(|p| p.exists()).collect();
            if !paths.is_empty() {
                return paths;
            }
        }
        vec![PathBuf::from("rules")]
    }

    fn compile(&self) -> Compiled {
        self.compile_on(Today::At(now()))
    }

    /// The pack, its waivers judged as of a day.
    fn compile_on(&self, today: Today) -> Compiled {
        compile(&self.resolved(), self.config.as_deref(), today)
    }

    /// The pack, or its faults on the screen and the exit code for them.
    fn pack(&self, out: &mut Out) -> Result<(Compiled, Pack), ExitCode> {
        self.pack_or(out, formats::Report::Human)
    }

    /// The pack, or its faults in a form and the exit code for them.
    fn pack_or(&self, out: &mut Out, format: formats::Report) -> Result<(Compiled, Pack), ExitCode> {
        let mut compiled = self.compile();
        match compiled.pack.take() {
            Some(pack) => Ok((compiled, pack)),
            None => {
                let code = check::refuse(&compiled, out, format);
                Err(code.unwrap_or_else(|_| world()))
            }
        }
    }
}

/// A place that bylaws.toml names, from where the file lies.
fn from_house(settings: &Settings, url: Option<&String>) -> Option<String> {
    let url = url?.clone();
    match &settings.folder {
        Some(folder) if !url.contains(':') => Some(folder.join(url).display().to_string()),
        _ => Some(url),
    }
}

impl StateArgs {
    /// The place of the state, where that is not the database of the portfolio.
    fn apart(&self, settings: &Settings) -> Result<Option<String>, Fault> {
        let state = self.state.clone().or_else(|| {
            // Who names another portfolio does not mean the memory of this one.
            from_house(settings, settings.state.as_ref()).filter(|_| self.database.db.is_none())
        });
        Ok(match state {
            Some(state) if self.database.place(settings).ok().as_ref() != Some(&state) => Some(state),
            _ => None,
        })
    }

    /// What is remembered, to look at it.
    fn open(&self, settings: &Settings) -> Result<Store, Fault> {
        match self.apart(settings)? {
            Some(state) => Ok(Store::open(state, Access::Read)?),
            None => self.database.open(settings, Access::Read),
        }
    }
}

impl LedgerArgs {
    fn settings(&self) -> Settings {
        let (mut sources, mut ignored) = (Sources::default(), Vec::new());
        let file = self.config.clone().or_else(|| settings::find(std::path::Path::new(".")));
        file.map_or_else(Settings::default, |file| Settings::load(&file, &mut sources, &mut ignored))
    }
}

impl DatabaseArgs {
    fn place(&self, settings: &Settings) -> Result<String, Fault> {
        let from_house = || from_house(settings, settings.database.as_ref());
        self.db.clone().or_else(from_house).ok_or_else(|| {
            Fault::new("no database is named", "name one: `--db FILE`, or `url` under [database] in bylaws.toml")
        })
    }

    fn open(&self, settings: &Settings, access: Access) -> Result<Store, Fault> {
        Ok(Store::open(self.place(settings)?, access)?)
    }
}

/// The present moment, to the millisecond: the edges are the only ones who ask.
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// A moment as people write it: RFC 3339, or a day and perhaps a time in the portfolio's zone.
fn moment(text: &str, calendar: &Calendar) -> Result<Timestamp, Fault> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    crate::lang::expr::date(&text.replacen('T', " ", 1))
        .map(|(date, time)| crate::lang::expr::moment(date, time, calendar))
        .map_err(|_| {
            Fault::new(
                format!("`{text}` is no moment"),
                "write 2026-03-02, \"2026-03-02 09:00\" or 2026-03-02T09:00:00Z",
            )
        })
}
