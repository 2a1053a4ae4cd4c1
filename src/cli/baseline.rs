//! `bylaws baseline take|show`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::output::Out;
use super::{DatabaseArgs, Done, FINE, Fault, Format, PackArgs, findings, moment, now};
use crate::store::{Access, baseline, migrate};
use crate::tick::take_baseline;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// Store the readings and rows that `since baseline` and `restore` speak of
    Take {
        #[command(flatten)]
        database: DatabaseArgs,
        /// The stage that is entered with it, such as 39
        #[arg(long, value_name = "NUMBER")]
        stage: Option<String>,
        /// The moment it is the state of [default: now]
        #[arg(long, value_name = "TIME")]
        as_of: Option<String>,
        #[command(flatten)]
        pack: PackArgs,
    },
    /// Show the last baseline
    Show {
        #[command(flatten)]
        database: DatabaseArgs,
        /// Of this stage
        #[arg(long, value_name = "NUMBER")]
        stage: Option<String>,
        /// How it is written
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
        #[command(flatten)]
        pack: PackArgs,
    },
}

pub(super) fn run(options: &Options, out: &mut Out) -> Done {
    match &options.command {
        Sub::Take { database, stage, as_of, pack } => {
            let (compiled, pack) = match pack.pack(out) {
                Ok(found) => found,
                Err(code) => return Ok(code),
            };
            if let Some(stage) = stage
                && !pack.stages.iter().any(|s| &*s.number == stage.as_str())
            {
                let known: Vec<&str> = pack.stages.iter().map(|s| &*s.number).collect();
                let help = match &known[..] {
                    [] => "they declare no stage at all; leave `--stage` away".to_owned(),
                    known => format!("known are {}", known.join(", ")),
                };
                return Err(Fault::new(format!("the rules know no stage {stage}"), help));
            }
            let calendar = &compiled.settings.calendar;
            let at = match as_of {
                Some(text) => moment(text, calendar)?,
                None => now(),
            };
            let mut store = database.open(&compiled.settings, Access::Write)?;
            migrate::migrate(&mut store, &[], now())?;
            let by = std::env::var("USER").unwrap_or_else(|_| "unknown".into());
            take_baseline(&mut store, &pack, stage.as_deref(), at, &by)?;
            let taken = baseline::latest(&store, stage.as_deref())?;
            let readings = taken.map_or(0, |b| b.readings.len());
            out.line(format!("baseline of {} taken: {readings} readings", calendar.show(at)))?;
            Ok(FINE)
        }
        Sub::Show { database, stage, format, pack } => {
            let (compiled, pack) = match pack.pack(out) {
                Ok(found) => found,
                Err(code) => return Ok(code),
            };
            let store = database.open(&compiled.settings, Access::Read)?;
            let Some(taken) = baseline::latest(&store, stage.as_deref())? else {
                let none = "no baseline has been taken; `bylaws baseline take` takes one";
                match format {
                    Format::Human => out.line(none)?,
                    // Programs read objects and nothing else.
                    Format::Json => out.error(&format!("{none}\n"))?,
                }
                return Ok(findings());
            };
            if *format == Format::Human {
                let of = taken.stage.as_ref().map(|s| format!(" for stage {s}")).unwrap_or_default();
                out.line(format!(
                    "baseline of {}{of}, taken by {}",
                    compiled.settings.calendar.show(taken.taken_at),
                    taken.by
                ))?;
            }
            for reading in &taken.readings {
                let ty = pack.metrics.iter().find(|m| *m.name == *reading.metric).map(|m| &m.ty);
                let key = reading.key.join(", ");
                match format {
                    Format::Json => {
                        let line = json!({"v": 1, "metric": reading.metric, "key": reading.key,
                            "value": reading.value.as_ref().ok(), "unknown": reading.value.as_ref().err(),
                            "unit": ty.map(|t| t.unit()), "as_of": taken.taken_at.to_string()});
                        out.line(line.to_string())?;
                    }
                    Format::Human => {
                        let shown = match &reading.value {
                            Ok(text) => ty
                                .and_then(|t| crate::engine::judge::stored_value(text, t).map(|v| v.show(t)))
                                .unwrap_or_else(|| text.clone()),
                            Err(why) => format!("unknown: {why}"),
                        };
                        let of = if key.is_empty() { String::new() } else { format!(" of {key}") };
                        out.line(format!("  {}{of}: {shown}", reading.metric))?;
                    }
                }
            }
            Ok(FINE)
        }
    }
}
