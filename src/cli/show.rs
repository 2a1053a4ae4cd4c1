//! `bylaws show`: a rule, what it reads and how.

use std::collections::HashMap;

use clap::Args;

use super::output::{BOLD, DIM, Out};
use super::{Done, FINE, Fault, PackArgs, now};
use crate::diagnostic::nearest;
use crate::lang::expr::{ContractId, MetricId, ParamId, Relation};
use crate::lang::item::Noun;
use crate::lang::pack::{Pack, RuleRef};
use crate::plan::{Known, Moment, Plan, plan};
use crate::source::{Sources, Span};
use crate::sql::{Dialect, Source, Sql, unindexed};
use crate::time::Instant;
use crate::value::counted;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// A rule, metric, param or contract by its name; `all` for the whole pack
    rule: String,
    /// Show it in the words the program keeps of it, which read back as the same rule; `all` for the whole pack
    #[arg(long)]
    canonical: bool,
    /// Show the SQL of every scan it needs
    #[arg(long)]
    sql: bool,
    /// Show what each step from text to verdict makes of it
    #[arg(long)]
    arrows: bool,
    #[command(flatten)]
    pack: PackArgs,
}

/// What a name stands for.
enum Found {
    Rule(RuleRef, Span),
    Metric(MetricId, Span),
    Text(Span),
    All,
}

pub(super) fn run(options: &Options, out: &mut Out) -> Done {
    let (compiled, pack) = match options.pack.pack(out) {
        Ok(found) => found,
        Err(code) => return Ok(code),
    };
    let found = find(&pack, &options.rule)?;
    if options.canonical {
        canonical(&pack, &options.rule, out)?;
        if options.sql {
            out.line("")?;
        } else if !options.arrows {
            return Ok(FINE);
        }
    }
    let (rules, metrics, span) = match found {
        Found::Rule(rule, span) => (vec![rule], Vec::new(), Some(span)),
        Found::Metric(metric, span) => (Vec::new(), vec![metric], Some(span)),
        Found::Text(span) => (Vec::new(), Vec::new(), Some(span)),
        Found::All => (pack.rules(), Vec::new(), None),
    };
    let plan = plan(&pack, &rules, &metrics, &Known::default());
    if options.arrows {
        arrows(&pack, &compiled.sources, &plan, span, &options.rule, out)?;
    } else if let Some(span) = span {
        let file = compiled.sources.file(span.file);
        let (line, _) = file.position(span.start);
        out.line(out.paint(DIM, format!("{}:{line}", file.name)))?;
        out.text(&format!("{}\n", compiled.sources.block(span)))?;
    } else {
        out.line(pack.contents())?;
    }
    if options.sql {
        sql(&pack, &plan, out)?;
    }
    Ok(FINE)
}

fn find(pack: &Pack, name: &str) -> Result<Found, Fault> {
    if name == "all" {
        return Ok(Found::All);
    }
    if let Some(item) = pack.item(name) {
        return Ok(match (item.rule, item.noun) {
            (Some(rule), _) => Found::Rule(rule, item.span),
            (None, Noun::Metric) => Found::Metric(MetricId(item.index), item.span),
            (None, _) => Found::Text(item.span),
        });
    }
    let help = nearest(name, pack.items().map(|item| item.name))
        .unwrap_or_else(|| "`bylaws show all` counts what there is".into());
    Err(Fault::new(format!("nothing in these rules is called `{name}`"), help))
}

/// The words of the language for an item, or for all of them; a test has its own words only.
fn canonical(pack: &Pack, name: &str, out: &mut Out) -> Result<(), Fault> {
    let chosen = |item: &crate::lang::pack::Item<'_>| name == "all" || item.name == name;
    let texts: Vec<String> = pack.items().filter(chosen).filter_map(|item| pack.canonical(&item)).collect();
    if texts.is_empty() {
        let help = format!("`bylaws show \"{name}\"` shows it as it is written");
        return Err(Fault::new("a test is kept as it is written and has no other words", help));
    }
    out.text(&texts.join("\n"))
}

fn moment_words(plan: &Plan, id: u32) -> String {
    use crate::lang::item::metric::{Literal0, Then};
    match &plan.moments[id as usize] {
        Moment::Now => "now".into(),
        Moment::Closed(from, period, 1) => {
            format!("end of the last closed {}, from {}", period.word(), moment_words(plan, from.0))
        }
        Moment::Closed(from, period, n) => {
            format!("end of the {n}. last closed {}, from {}", period.word(), moment_words(plan, from.0))
        }
        Moment::Then(from, then) => {
            let what = match then {
                Then::Baseline => "baseline".to_owned(),
                Then::Previous(period) => format!("previous {}", period.word()),
                Then::Ago(Literal0::Span(span)) => format!("{span} before"),
                Then::Ago(Literal0::Seconds(s)) => format!("{} before", crate::time::age_words(*s)),
                Then::At(at) => at.to_string(),
            };
            format!("{what}, from {}", moment_words(plan, from.0))
        }
    }
}

fn arrows(
    pack: &Pack,
    sources: &Sources,
    plan: &Plan,
    span: Option<Span>,
    name: &str,
    out: &mut Out,
) -> Result<(), Fault> {
    let head = |out: &mut Out, n: usize, text: &str| {
        let line = out.paint(BOLD, format!("{n}. {text}"));
        out.line(line)
    };
    head(out, 1, "text → items")?;
    match span {
        Some(span) => {
            for line in sources.block(span).lines() {
                out.line(format!("   {line}"))?;
            }
        }
        None => out.line(format!("   {}", counted(sources.len(), "file")))?,
    }
    head(out, 2, "items → names")?;
    let metrics: Vec<&str> = {
        let mut seen: Vec<u32> = plan.served.keys().map(|(m, _)| m.0).collect();
        seen.sort_unstable();
        seen.dedup();
        seen.iter().map(|m| &*pack.metric(MetricId(*m)).name).collect()
    };
    out.line(format!(
        "   {name} reads {} relations; aggregates taken in the database: {}",
        plan.tables.len(),
        if metrics.is_empty() { "none".into() } else { metrics.join(", ") }
    ))?;
    head(out, 3, "names → typed pack")?;
    if let Some(metric) = pack.metrics.iter().find(|m| &*m.name == name) {
        let grain = metric.grain.map_or("the portfolio".to_owned(), |g| format!("each {}", pack.row_word(g)));
        out.line(format!("   {name} : {} of {grain}", metric.ty.name()))?;
    }
    for trigger in pack.with_lifecycle().filter(|t| &*t.name == name) {
        let grain = trigger.grain.map_or("the portfolio".to_owned(), |g| format!("each {}", pack.row_word(g)));
        out.line(format!(
            "   {name} judges {grain}: fires when {}",
            crate::lang::print::expr(pack, &trigger.when.expr)
        ))?;
    }
    head(out, 4, "pack → plan")?;
    for (i, _) in plan.moments.iter().enumerate() {
        out.line(format!("   moment {i}: {}", moment_words(plan, i as u32)))?;
    }
    for ((relation, moment), columns) in &plan.tables {
        let names: Vec<&str> = columns.iter().map(|c| crate::lang::print::column(pack, *relation, *c)).collect();
        out.line(format!("   rows of {} at moment {}: {}", pack.relation_name(*relation), moment.0, names.join(", ")))?;
    }
    for scan in &plan.groups {
        let grain = scan.grain.map_or("the portfolio".to_owned(), |g| pack.row_word(g).to_owned());
        out.line(format!(
            "   one scan of {} per {grain} at moment {}: {}",
            pack.contract(scan.contract).name,
            scan.moment.0,
            counted(scan.measures.len(), "measure")
        ))?;
    }
    let (passes, pairs, moments) = passes(plan);
    out.line(format!(
        "   {passes} {} over tables for {}: {} of a relation and a grain, at {}",
        if passes == 1 { "pass" } else { "passes" },
        counted(plan.rules.len().max(1), "rule"),
        counted(pairs, "pair"),
        counted(moments, "moment"),
    ))?;
    head(out, 5, "scan → SQL        (--sql shows it)")?;
    head(out, 6, "SQL → readings    (`bylaws run` reads)")?;
    head(out, 7, "readings → verdicts, 8. verdicts and memory → intents, 9. intents → receipts")?;
    Ok(())
}

/// How many passes over tables a plan makes, for how many pairs of a relation and a grain, at how many moments.
fn passes(plan: &Plan) -> (usize, usize, usize) {
    let rows = plan.tables.keys().map(|(relation, moment)| (*relation, Some(*relation), moment.0));
    let groups = plan.groups.iter().map(|s| (Relation::Contract(s.contract), s.grain, s.moment.0));
    let all: Vec<(Relation, Option<Relation>, u32)> = rows.chain(groups).collect();
    let pairs: std::collections::HashSet<_> = all.iter().map(|(r, g, _)| (*r, *g)).collect();
    let moments: std::collections::HashSet<u32> = all.iter().map(|(_, _, m)| *m).collect();
    (all.len(), pairs.len(), moments.len())
}

/// The SQL of every scan that the rules of a pack need.
pub(super) fn all_sql(pack: &Pack, out: &mut Out) -> Result<(), Fault> {
    sql(pack, &plan(pack, &pack.rules(), &[], &Known::default()), out)
}

fn sql(pack: &Pack, plan: &Plan, out: &mut Out) -> Result<(), Fault> {
    let param = |id: ParamId| pack.param(id).clone();
    let source = |_: ContractId| Source::Live;
    let instants = instants(pack, plan);
    for ((relation, moment), columns) in &plan.tables {
        let Relation::Contract(id) = relation else { continue };
        let at = instants.get(&moment.0).copied().unwrap_or(Instant::now(now()));
        let sql = Sql {
            dialect: Dialect::Sqlite,
            pack,
            param: &param,
            at,
            source: &source,
            exact: false,
            undated: false,
            indexed: &unindexed,
            only: None,
            row: None,
        };
        let columns: Vec<u32> = columns.iter().copied().collect();
        let query = sql.rows(*id, &columns);
        print_query(
            out,
            &format!("rows of {} ({})", pack.relation_name(*relation), moment_words(plan, moment.0)),
            &query,
        )?;
    }
    for (relation, moment) in plan.tables.keys() {
        let Relation::Pairs(id) = relation else { continue };
        let at = instants.get(&moment.0).copied().unwrap_or(Instant::now(now()));
        let sql = Sql {
            dialect: Dialect::Sqlite,
            pack,
            param: &param,
            at,
            source: &source,
            exact: false,
            undated: false,
            indexed: &unindexed,
            only: None,
            row: None,
        };
        for sharing in &pack.pair(*id).sharing {
            let query = sql.sharing(sharing.contract, sharing.owner, sharing.thing);
            print_query(out, &format!("pairs of {} by {}", pack.relation_name(*relation), sharing.kind), &query)?;
        }
    }
    for scan in &plan.groups {
        let at = instants.get(&scan.moment.0).copied().unwrap_or(Instant::now(now()));
        let sql = Sql {
            dialect: Dialect::Sqlite,
            pack,
            param: &param,
            at,
            source: &source,
            exact: false,
            undated: false,
            indexed: &unindexed,
            only: None,
            row: None,
        };
        let grain = scan.grain.map_or("the portfolio".to_owned(), |g| pack.row_word(g).to_owned());
        for (query, _) in sql.groups(scan) {
            let title =
                format!("{} per {grain} ({})", pack.contract(scan.contract).name, moment_words(plan, scan.moment.0));
            print_query(out, &title, &query)?;
        }
    }
    Ok(())
}

fn instants(pack: &Pack, plan: &Plan) -> HashMap<u32, Instant> {
    let calendar = &pack.settings.calendar;
    let mut all: HashMap<u32, Instant> = HashMap::new();
    for (i, moment) in plan.moments.iter().enumerate() {
        let of = |id: u32, all: &HashMap<u32, Instant>| all.get(&id).copied().unwrap_or(Instant::now(now()));
        let at = match moment {
            Moment::Now => Instant::now(now()),
            Moment::Closed(from, period, back) => calendar.closed(*period, of(from.0, &all), *back),
            Moment::Then(from, then) => {
                let from = of(from.0, &all);
                crate::engine::window::then(calendar, from, then).unwrap_or(from)
            }
        };
        all.insert(i as u32, at);
    }
    all
}

fn print_query(out: &mut Out, title: &str, query: &crate::sql::Query) -> Result<(), Fault> {
    out.line("")?;
    out.line(out.paint(DIM, format!("-- {title}")))?;
    let laid = query
        .sql
        .replace(" FROM ", "\nFROM ")
        .replace(" LEFT JOIN ", "\n  LEFT JOIN ")
        .replace(" WHERE ", "\nWHERE ")
        .replace(" GROUP BY ", "\nGROUP BY ")
        .replace("FILTER (\nWHERE", "FILTER (WHERE");
    out.line(format!("{laid};"))?;
    for (i, arg) in query.args.iter().enumerate() {
        out.line(out.paint(DIM, format!("-- ?{} = {}", i + 1, arg.show())))?;
    }
    Ok(())
}
