//! Rows, writes and clocks made by chance: mostly good ones, and every kind of bad one.

use bylaws::chance::Chance;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

use super::naive::Raw;
use super::packs::{Column, Kind, Stored, Table};

/// Stored values by the columns' names.
pub(crate) type Cells = Vec<(&'static str, Raw)>;

/// Something that happens, in this order.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Insert(&'static str, Cells),
    /// Of the n-th row of a table, one column.
    Update(&'static str, usize, &'static str, Raw),
    Delete(&'static str, usize),
    /// The stage is entered.
    Enter,
    /// It is later, and all rules are judged.
    Judge(Timestamp),
}

/// Days around which something is odd: ends of months and years, leap days, the hour that is missing or doubled in one
/// of the zones.
const DAYS: [&str; 14] = [
    "2026-03-14",
    "2026-03-29",
    "2026-03-31",
    "2026-04-01",
    "2026-10-25",
    "2026-03-08",
    "2026-11-01",
    "2024-02-29",
    "2026-02-28",
    "2026-01-01",
    "2025-12-31",
    "2026-04-05",
    "2018-11-04",
    "2026-05-31",
];

pub(crate) fn day(chance: &mut Chance) -> Date {
    DAYS[(chance.draw() % DAYS.len() as u64) as usize].parse().expect("a day")
}

/// A moment of a day as clocks have it: midnight in the zone, or odd, or any.
pub(crate) fn moment(chance: &mut Chance, day: Date, zone: &TimeZone) -> Timestamp {
    let time = match chance.draw() % 6 {
        0 => Time::midnight(),
        1 => Time::constant(2, 30, 0, 0),
        2 => Time::constant(23, 59, 59, 999_000_000),
        3 => Time::constant(0, 0, 0, 1_000_000),
        _ => Time::constant((chance.draw() % 24) as i8, (chance.draw() % 60) as i8, 0, 0),
    };
    let zone = if chance.draw().is_multiple_of(4) { &TimeZone::UTC } else { zone };
    zone.to_ambiguous_zoned(day.to_datetime(time)).compatible().expect("a moment").timestamp()
}

pub(crate) struct Rows<'c> {
    pub(crate) chance: &'c mut Chance,
    pub(crate) around: Date,
    pub(crate) zone: TimeZone,
    /// One value in so many is bad; 0: none is.
    pub(crate) dirt: u64,
}

impl Rows<'_> {
    fn one_in(&mut self, n: u64) -> bool {
        n != 0 && self.chance.draw().is_multiple_of(n)
    }

    fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        all[(self.chance.draw() % all.len() as u64) as usize].clone()
    }

    fn near(&mut self) -> Date {
        let far = match self.chance.draw() % 8 {
            0 => self.chance.between(-400, 40),
            1 | 2 => self.chance.between(-70, 5),
            3 => self.chance.between(0, 2),
            _ => self.chance.between(-12, 1),
        };
        self.around.checked_add(Span::new().days(far)).expect("a day")
    }

    fn bad(&mut self, kind: Kind) -> Raw {
        let text = |t: &str| Raw::Text(t.to_owned());
        match kind {
            Kind::Id => self.pick(&[Raw::Null, text("o1"), text("O1"), text("id 1"), Raw::Int(7)]),
            Kind::Reference(_) => {
                self.pick(&[Raw::Null, text("o9"), text("t9"), text("O1"), text("o1 "), Raw::Blob(vec![1, 2])])
            }
            Kind::Number | Kind::Percent | Kind::Points | Kind::Money | Kind::Hours => self.pick(&[
                Raw::Null,
                text("many"),
                Raw::Real(f64::INFINITY),
                Raw::Real(1e300),
                Raw::Int(i64::MAX),
                Raw::Int(-1_000_000),
                text("5"),
                Raw::Blob(vec![0]),
                Raw::Int(1_000_000),
            ]),
            Kind::Count => self.pick(&[Raw::Null, Raw::Int(-1), Raw::Real(1.5), text("many"), Raw::Int(i64::MAX)]),
            Kind::Date => self.pick(&[
                Raw::Null,
                text("2026-02-30"),
                text("2026-13-05"),
                text("soon"),
                text(""),
                text("2026-3-1"),
                Raw::Int(5),
                text("9999-12-31"),
                text("0001-01-01"),
                text("2026-03-01 "),
                text("2026-03-01T00:00:00Z"),
            ]),
            Kind::Moment => self.pick(&[
                Raw::Null,
                text("2026-02-30T09:00:00Z"),
                text("soon"),
                text("2026-03-01T24:00:00Z"),
                text("2026-03-01T09:00:60Z"),
                text("2026-03-01"),
                text("2026-03-01T09"),
                text("2026-03-01T09:00:00 +02:00"),
                text("2026-03-01t09:00:00z"),
                text("2026-03-01T09:00:00.123456Z"),
                text("2027-01-01T00:00:00Z"),
                Raw::Int(1_700_000_000),
                text("now"),
            ]),
            Kind::Truth => self.pick(&[Raw::Null, Raw::Int(2), text("yes"), Raw::Real(0.5)]),
            Kind::Words(_) => self.pick(&[Raw::Null, text("LOW"), text("other"), text(""), Raw::Int(1), text("a ")]),
            Kind::Text => self.pick(&[Raw::Null, text(""), text("  "), text("\t"), Raw::Blob(vec![9]), text("'")]),
        }
    }

    fn good(&mut self, column: &Column) -> Raw {
        let n = self.chance.between(-30, 60);
        // Tenths, quarters and whole numbers, in whatever way they are stored.
        let scaled = |n: i64, by: i64| {
            if n % by == 0 { Raw::Int(n / by) } else { Raw::Real(n as f64 / by as f64) }
        };
        match column.kind {
            Kind::Id => Raw::Text(String::new()),
            Kind::Reference("teams") => Raw::Text(format!("t{}", self.chance.between(1, 3))),
            Kind::Reference(_) => Raw::Text(format!("o{}", self.chance.between(1, 4))),
            Kind::Number => scaled(n, 10),
            Kind::Count => Raw::Int(n.rem_euclid(10)),
            Kind::Percent => match column.stored {
                Stored::Fraction => scaled(n.rem_euclid(101), 100),
                Stored::BasisPoints => Raw::Int(n.rem_euclid(60) * 250),
                _ => scaled(n.rem_euclid(120) * 5, 2),
            },
            Kind::Points if column.stored == Stored::BasisPoints => Raw::Int(n * 50),
            Kind::Points => scaled(n, 4),
            Kind::Money if column.stored == Stored::Cents => Raw::Int(n * 25),
            Kind::Money => scaled(n * 5, 20),
            Kind::Hours => scaled(n.rem_euclid(40), 4),
            Kind::Date => Raw::Text(self.near().to_string()),
            Kind::Moment => {
                let day = self.near();
                let zone = self.zone.clone();
                let at = moment(self.chance, day, &zone);
                Raw::Text(match self.chance.draw() % 6 {
                    0 => at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
                    1 => at.to_zoned(TimeZone::fixed(jiff::tz::offset(2))).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
                    2 => at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                    3 => at.strftime("%Y-%m-%d %H:%M").to_string(),
                    _ => at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
                })
            }
            Kind::Truth => Raw::Int(self.chance.between(0, 1)),
            Kind::Words(words) => {
                let word = self.pick(words);
                Raw::Text(if column.stored == Stored::Capitals { word.to_uppercase() } else { word.to_owned() })
            }
            Kind::Text => Raw::Text(self.pick(&["x", "y", "Note", "x y", "ö"]).to_owned()),
        }
    }

    fn cell(&mut self, column: &Column) -> Raw {
        if column.optional && self.one_in(4) {
            return Raw::Null;
        }
        if self.one_in(self.dirt) { self.bad(column.kind) } else { self.good(column) }
    }

    /// A row; `n` makes its id.
    pub(crate) fn row(&mut self, table: &Table, n: usize) -> Cells {
        let id = |prefix: &str| Raw::Text(format!("{prefix}{n}"));
        let mut cells = Cells::new();
        for column in &table.columns {
            let cell = match (column.kind, table.noun) {
                (Kind::Id, noun) if !self.one_in(self.dirt) => id(&noun[..1]),
                _ => self.cell(column),
            };
            cells.push((column.name, cell));
        }
        cells
    }

    /// The rows that are there in the beginning.
    pub(crate) fn all(&mut self, tables: &[Table]) -> Vec<Step> {
        let mut steps = Vec::new();
        for table in tables {
            let most = match table.noun {
                "team" => 3,
                "owner" => 4,
                "thing" => 22,
                "tag_row" => 8,
                _ => 6,
            };
            // Without dirt everybody who is referred to is there.
            let all = self.dirt == 0 && matches!(table.noun, "team" | "owner");
            let none = !all && self.one_in(12);
            let count = if all {
                most
            } else if none {
                0
            } else {
                self.chance.between(1, most)
            };
            for n in 1..=count {
                let row = self.row(table, n as usize);
                steps.push(Step::Insert(table.name, row));
            }
        }
        // A key that stands twice is a violation; without dirt there is none.
        if self.dirt == 0 {
            let mut seen = std::collections::HashSet::new();
            steps.retain(|step| match step {
                Step::Insert(table, cells) => {
                    let key: Vec<String> = cells
                        .iter()
                        .filter(|(name, _)| match *table {
                            "tags" => matches!(*name, "owner_id" | "tag"),
                            "things" if cells.iter().all(|(n, _)| *n != "id") => matches!(*name, "owner_id" | "day"),
                            _ => *name == "id",
                        })
                        .map(|(_, raw)| format!("{raw:?}"))
                        .collect();
                    seen.insert((*table, key))
                }
                _ => true,
            });
        }
        steps
    }

    /// Writes and clocks after the beginning.
    pub(crate) fn course(&mut self, tables: &[Table]) -> Vec<Step> {
        let zone = self.zone.clone();
        let mut at = moment(self.chance, self.around, &zone);
        if self.one_in(12) {
            at = moment(self.chance, Date::constant(2000, 1, 31), &zone);
        }
        let mut steps = vec![Step::Judge(at)];
        for _ in 0..self.chance.between(0, 3) {
            for _ in 0..self.chance.between(0, 4) {
                let table = self.pick(tables);
                let nth = (self.chance.draw() % 12) as usize;
                let step = match self.chance.draw() % 6 {
                    0 | 1 => {
                        let row = self.row(&table, 20 + nth);
                        Step::Insert(table.name, row)
                    }
                    2 => Step::Delete(table.name, nth),
                    _ => {
                        let column = self.pick(&table.columns);
                        let raw = match column.kind {
                            Kind::Id => Raw::Text(format!("{}{}", &table.noun[..1], self.chance.between(1, 6))),
                            _ => self.cell(&column),
                        };
                        Step::Update(table.name, nth, column.name, raw)
                    }
                };
                steps.push(step);
            }
            if self.one_in(5) {
                steps.push(Step::Enter);
            }
            let later = match self.chance.draw() % 5 {
                0 => SignedDuration::from_mins(1),
                1 => SignedDuration::from_hours(self.chance.between(1, 30)),
                2 => SignedDuration::from_hours(24 * self.chance.between(1, 40)),
                3 => {
                    // The next midnight of the zone.
                    let zoned = at.to_zoned(zone.clone());
                    let next = zoned.tomorrow().and_then(|z| z.start_of_day()).expect("a day");
                    next.timestamp().duration_since(at)
                }
                _ => SignedDuration::from_secs(1),
            };
            at = at.checked_add(later).expect("a moment");
            steps.push(Step::Judge(at));
        }
        steps
    }
}
