//! The ventures of the demo, their numbers, and the resources they share.

use jiff::Timestamp;
use jiff::civil::Weekday;

use super::{Chance, Clock, DAYS_IN_STAGE, Dollars, Hundredths, Story, Table, row};

const VENTURES: Table =
    Table { name: "ventures", columns: &["id", "name", "status", "current_stage", "lead"], state: true };
const METRICS: Table = Table {
    name: "venture_metrics",
    columns: &["venture_id", "recorded_at", "monthly_revenue", "monthly_burn", "user_count"],
    state: false,
};
const TECH: Table = Table { name: "venture_tech_stack", columns: &["venture_id", "technology"], state: true };
const MARKETS: Table = Table { name: "venture_markets", columns: &["venture_id", "segment"], state: true };
const SKILLS: Table = Table { name: "venture_skills", columns: &["venture_id", "skill"], state: true };
const VENDORS: Table = Table { name: "venture_vendors", columns: &["venture_id", "vendor"], state: true };
const DEPENDENCIES: Table = Table {
    name: "venture_dependencies",
    columns: &["id", "venture_id", "depends_on_id", "dependency_criticality", "status", "description"],
    state: true,
};
const GROUPS: Table = Table { name: "bylaws_dependency_groups", columns: &["venture_id", "size"], state: true };
const ASSESSMENTS: Table = Table {
    name: "venture_assessments",
    columns: &[
        "venture_id",
        "assessed_on",
        "strategic_fit",
        "financial_health",
        "growth_potential",
        "resource_efficiency",
    ],
    state: false,
};
const RESOURCES: Table =
    Table { name: "resources", columns: &["id", "name", "kind", "hours_a_month", "monthly_cost"], state: true };
const ALLOCATIONS: Table = Table {
    name: "venture_resource_allocations",
    columns: &["resource_id", "venture_id", "allocation_percentage", "status"],
    state: true,
};
const USAGE: Table = Table {
    name: "venture_resource_usage",
    columns: &["resource_id", "venture_id", "day", "kind", "hours_used", "budget_spent"],
    state: false,
};
const CAPACITY: Table = Table {
    name: "venture_resource_capacity",
    columns: &["resource_id", "venture_id", "day", "hours_available"],
    state: false,
};

const SET_STATUS: &str = "UPDATE ventures SET status = ?2 WHERE id = ?1";
const SET_STAGE: &str = "UPDATE ventures SET current_stage = ?2 WHERE id = ?1";
const END_ALLOCATIONS: &str = "UPDATE venture_resource_allocations SET status = 'ended' WHERE venture_id = ?1";
const SET_SHARE: &str = "UPDATE venture_resource_allocations SET allocation_percentage = ?3
                         WHERE resource_id = ?1 AND venture_id = ?2";

/// One venture: what it is, what it earned and spent a month when the story begins, and how that grows.
struct Venture {
    id: &'static str,
    name: &'static str,
    lead: &'static str,
    stage: i64,
    /// Dollars a month.
    revenue: i64,
    burn: i64,
    users: i64,
    /// Growth of revenue a day, in millionths.
    growth: i64,
    /// Whether it took part in the joint launch of last month.
    launched: bool,
    /// Days ago that it was left alone, and as what.
    left: Option<(i64, &'static str)>,
    tech: &'static [&'static str],
    markets: &'static [&'static str],
    skills: &'static [&'static str],
    vendors: &'static [&'static str],
    /// Tenths of points: fit, health, growth and efficiency when first assessed, and how far they have moved since.
    scores: [i64; 4],
    moved: i64,
}

/// The newcomer: here for so many days, with no assessment yet and a feed that has lost count of its users. It came
/// after the baseline and before the end of any last closed month.
const NEWCOMER: &str = "lyra";
const NEWCOMER_DAYS: i64 = 34;
/// The venture whose feed has stopped, and how many days ago its last numbers are from.
const LATE: &str = "fornax";
const LATE_DAYS: i64 = 4;

const ALL: &[Venture] = &[
    Venture {
        id: "atlas",
        name: "Atlas",
        lead: "Mara Lindqvist",
        stage: 39,
        revenue: 150_000,
        burn: 108_000,
        users: 42_000,
        growth: 380,
        launched: true,
        left: None,
        tech: &["kafka", "postgres", "react", "rust"],
        markets: &["logistics", "manufacturing", "retail"],
        skills: &["data_engineering", "sales", "ux"],
        vendors: &["aws", "hubspot", "stripe"],
        scores: [42, 39, 40, 38],
        moved: 3,
    },
    Venture {
        id: "borealis",
        name: "Borealis",
        lead: "Tomasz Wilk",
        stage: 39,
        revenue: 118_000,
        burn: 92_000,
        users: 18_000,
        growth: 360,
        launched: true,
        left: None,
        tech: &["airflow", "postgres", "python", "react"],
        markets: &["energy", "manufacturing", "utilities"],
        skills: &["data_engineering", "ml", "sales"],
        vendors: &["aws", "hubspot", "snowflake"],
        scores: [40, 36, 39, 35],
        moved: 2,
    },
    Venture {
        id: "cygnus",
        name: "Cygnus",
        lead: "Ines Carvalho",
        stage: 39,
        revenue: 132_000,
        burn: 99_000,
        users: 64_000,
        growth: 330,
        launched: false,
        left: None,
        tech: &["kafka", "kotlin", "postgres", "terraform"],
        markets: &["finance", "marketplaces", "retail"],
        skills: &["compliance", "devops", "security"],
        vendors: &["aws", "datadog", "stripe"],
        scores: [37, 40, 34, 36],
        moved: 0,
    },
    Venture {
        id: "draco",
        name: "Draco",
        lead: "Owen Pryce",
        stage: 36,
        revenue: 21_000,
        burn: 34_000,
        users: 1_900,
        growth: -150,
        launched: false,
        left: Some((66, "paused")),
        tech: &["c", "mqtt"],
        markets: &["manufacturing"],
        skills: &["hardware"],
        vendors: &["twilio"],
        scores: [31, 24, 29, 26],
        moved: -2,
    },
    Venture {
        id: "electra",
        name: "Electra",
        lead: "Sofia Brandt",
        stage: 39,
        revenue: 84_000,
        burn: 76_000,
        users: 23_000,
        growth: 420,
        launched: true,
        left: None,
        tech: &["flutter", "go", "mqtt", "timescale"],
        markets: &["energy", "fleets", "utilities"],
        skills: &["field_service", "hardware", "sales"],
        vendors: &["azure", "hubspot", "twilio"],
        scores: [38, 32, 44, 33],
        moved: 2,
    },
    Venture {
        id: "fornax",
        name: "Fornax",
        lead: "Daniel Osei",
        stage: 38,
        revenue: 46_000,
        burn: 45_000,
        users: 5_200,
        growth: 180,
        launched: false,
        left: None,
        tech: &["kotlin", "terraform", "vault"],
        markets: &["finance", "public_sector"],
        skills: &["compliance", "devops", "security"],
        vendors: &["azure", "datadog"],
        scores: [33, 29, 30, 31],
        moved: -2,
    },
    Venture {
        id: "gemini",
        name: "Gemini",
        lead: "Priya Raman",
        stage: 39,
        revenue: 96_000,
        burn: 74_000,
        users: 31_000,
        growth: 370,
        launched: true,
        left: None,
        tech: &["elastic", "node", "postgres", "react"],
        markets: &["manufacturing", "retail", "staffing"],
        skills: &["sales", "support", "ux"],
        vendors: &["aws", "hubspot", "stripe"],
        scores: [36, 37, 35, 34],
        moved: 1,
    },
    Venture {
        id: "helios",
        name: "Helios",
        lead: "Jonas Keller",
        stage: 39,
        revenue: 62_000,
        burn: 58_000,
        users: 9_000,
        growth: 520,
        launched: true,
        left: None,
        tech: &["airflow", "python", "rust", "timescale"],
        markets: &["agriculture", "energy", "utilities"],
        skills: &["data_engineering", "forecasting", "ml"],
        vendors: &["aws", "azure", "snowflake"],
        scores: [46, 40, 48, 42],
        moved: 3,
    },
    Venture {
        id: "icarus",
        name: "Icarus",
        lead: "Leah Stone",
        stage: 34,
        revenue: 8_000,
        burn: 37_000,
        users: 600,
        growth: -400,
        launched: false,
        left: Some((200, "sunset")),
        tech: &["c", "rust"],
        markets: &["logistics"],
        skills: &["hardware"],
        vendors: &["aws"],
        scores: [24, 15, 22, 18],
        moved: -3,
    },
    Venture {
        id: "juno",
        name: "Juno",
        lead: "Camille Faure",
        stage: 38,
        revenue: 30_000,
        burn: 41_000,
        users: 7_000,
        growth: -280,
        launched: false,
        left: None,
        tech: &["elastic", "flutter", "node"],
        markets: &["healthcare", "public_sector"],
        skills: &["compliance", "support", "ux"],
        vendors: &["azure", "twilio", "zendesk"],
        scores: [30, 24, 27, 25],
        moved: -5,
    },
    Venture {
        id: "kepler",
        name: "Kepler",
        lead: "Yusuf Demir",
        stage: 35,
        revenue: 12_000,
        burn: 26_000,
        users: 1_100,
        growth: -100,
        launched: false,
        left: Some((300, "paused")),
        tech: &["python"],
        markets: &["agriculture"],
        skills: &["ml"],
        vendors: &["snowflake"],
        scores: [29, 22, 33, 24],
        moved: -1,
    },
    Venture {
        id: NEWCOMER,
        name: "Lyra",
        lead: "Anna Novak",
        stage: 37,
        revenue: 14_000,
        burn: 19_000,
        users: 900,
        growth: 900,
        launched: false,
        left: None,
        tech: &["go", "wasm"],
        markets: &["fleets", "healthcare"],
        skills: &["ml"],
        vendors: &["gcp"],
        scores: [0; 4],
        moved: 0,
    },
];

/// One shared resource: its hours and dollars a month, the kind of work that is done twice on it, and who may use how
/// much of it.
struct Resource {
    id: &'static str,
    name: &'static str,
    kind: &'static str,
    hours: i64,
    cost: i64,
    twice: &'static str,
    shares: &'static [(&'static str, i64)],
}

const SHARED: &[Resource] = &[
    Resource {
        id: "cto",
        name: "Group CTO",
        kind: "talent",
        hours: 160,
        cost: 24_000,
        twice: "duplicate_engineering",
        shares: &[("atlas", 50), ("borealis", 50)],
    },
    Resource {
        id: "data_team",
        name: "Data team",
        kind: "talent",
        hours: 480,
        cost: 38_000,
        twice: "duplicate_engineering",
        shares: &[("atlas", 30), ("cygnus", 30), ("helios", 35), ("kepler", 5)],
    },
    Resource {
        id: "design_team",
        name: "Design team",
        kind: "talent",
        hours: 320,
        cost: 26_000,
        twice: "duplicate_design",
        shares: &[("gemini", 40), ("fornax", 30), ("juno", 20), ("draco", 10)],
    },
    Resource {
        id: "growth_team",
        name: "Growth team",
        kind: "talent",
        hours: 320,
        cost: 22_000,
        twice: "duplicate_marketing",
        shares: &[("electra", 40), ("borealis", 25), ("juno", 20), ("icarus", 15), (NEWCOMER, 10)],
    },
    Resource {
        id: "security_team",
        name: "Security team",
        kind: "talent",
        hours: 160,
        cost: 15_000,
        twice: "duplicate_engineering",
        shares: &[("cygnus", 50), ("fornax", 35)],
    },
    Resource {
        id: "growth_budget",
        name: "Growth budget",
        kind: "budget",
        hours: 0,
        cost: 60_000,
        twice: "duplicate_marketing",
        shares: &[("electra", 30), ("atlas", 25), ("gemini", 20), ("juno", 20)],
    },
    Resource {
        id: "gpu_cluster",
        name: "GPU cluster",
        kind: "infrastructure",
        hours: 720,
        cost: 18_000,
        twice: "duplicate_engineering",
        shares: &[("helios", 45), ("borealis", 40), ("atlas", 10)],
    },
    Resource {
        id: "group_brand",
        name: "Group brand",
        kind: "strategic",
        hours: 0,
        cost: 4_000,
        twice: "duplicate_marketing",
        shares: &[("atlas", 20), ("borealis", 20), ("cygnus", 20), ("electra", 20), ("gemini", 20)],
    },
];

/// A time in which a venture held more of a resource than there was: days ago it began, and days ago it was settled.
pub(super) struct Contention {
    pub(super) resource: &'static str,
    pub(super) venture: &'static str,
    pub(super) share: i64,
    pub(super) began: i64,
    pub(super) settled: Option<i64>,
}

/// Contentions in the order of time. The last one is the story of today: the CTO works at 120%.
pub(super) const CONTENTIONS: &[Contention] = &[
    Contention { resource: "data_team", venture: "helios", share: 45, began: 95, settled: Some(94) },
    Contention { resource: "cto", venture: "borealis", share: 60, began: 80, settled: Some(78) },
    Contention { resource: "design_team", venture: "fornax", share: 45, began: 48, settled: Some(44) },
    Contention { resource: "gpu_cluster", venture: "borealis", share: 50, began: 27, settled: Some(19) },
    Contention { resource: "security_team", venture: "cygnus", share: 70, began: 24, settled: Some(23) },
    Contention { resource: "data_team", venture: "cygnus", share: 45, began: 21, settled: Some(13) },
    Contention { resource: "growth_team", venture: "electra", share: 60, began: 18, settled: Some(17) },
    Contention { resource: "growth_budget", venture: "electra", share: 45, began: 15, settled: Some(8) },
    Contention { resource: "cto", venture: "atlas", share: 70, began: 6, settled: None },
];

impl Contention {
    /// When the shares were raised.
    pub(super) fn raised(&self, clock: &Clock) -> Timestamp {
        clock.at(self.began, 10, 40)
    }

    /// When they were brought back.
    pub(super) fn lowered(&self, clock: &Clock) -> Option<Timestamp> {
        self.settled.map(|ago| clock.at(ago, 9, 10))
    }

    fn usual(&self) -> i64 {
        let resource = SHARED.iter().find(|r| r.id == self.resource);
        resource.and_then(|r| r.shares.iter().find(|(v, _)| *v == self.venture)).map_or(0, |(_, share)| *share)
    }

    /// What the resource was booked at.
    pub(super) fn booked(&self) -> i64 {
        let resource = SHARED.iter().find(|r| r.id == self.resource);
        let here = |venture: &str| {
            ALL.iter().any(|v| v.id == venture && v.left.is_none_or(|(ago, _)| ago < self.began))
                && (venture != NEWCOMER || self.began < NEWCOMER_DAYS)
        };
        let all: i64 = resource.map_or(0, |r| r.shares.iter().filter(|(v, _)| here(v)).map(|(_, s)| s).sum());
        all - self.usual() + self.share
    }

    /// What is over-booked.
    pub(super) fn kind(&self) -> &'static str {
        SHARED.iter().find(|r| r.id == self.resource).map_or("talent", |r| r.kind)
    }
}

pub(super) fn tell(story: &mut Story) {
    ventures(story);
    metrics(story);
    assessments(story);
    dependencies(story);
    resources(story);
    usage(story);
}

fn ventures(story: &mut Story) {
    let arrived = story.clock.at(NEWCOMER_DAYS, 9, 30);
    for v in ALL {
        let at = if v.id == NEWCOMER { arrived } else { story.clock.began };
        story.row(at, &VENTURES, row![v.id, v.name, "active", v.stage.min(38), v.lead]);
        for (table, things) in [(&TECH, v.tech), (&MARKETS, v.markets), (&SKILLS, v.skills), (&VENDORS, v.vendors)] {
            for thing in things {
                story.row(at, table, row![v.id, *thing]);
            }
        }
        if let Some((ago, status)) = v.left {
            let at = story.clock.at(ago, 16, 0);
            story.change(at, SET_STATUS, row![v.id, status]);
            story.change(at, END_ALLOCATIONS, row![v.id]);
        }
    }
    let entered = story.clock.entered;
    for v in ALL.iter().filter(|v| v.stage > 38) {
        story.change(entered, SET_STAGE, row![v.id, v.stage]);
    }
}

/// A value that grows by millionths a day.
fn grown(value: i64, millionths: i64) -> i64 {
    value + value * millionths / 1_000_000
}

/// How far something has come between two days, in thousandths.
fn progress(ago: i64, from: i64, to: i64) -> i64 {
    ((from - ago) * 1_000 / (from - to).max(1)).clamp(0, 1_000)
}

/// The daily numbers. Whatever is compared month by month is built around the end of the last closed month: in its
/// last third five ventures launched something together. Revenue and users rose well above the baseline, but the
/// launch cost more than it brought at first, so that the profit of that month fell; the spending is coming back.
fn metrics(story: &mut Story) {
    let oldest = story.clock.ago(story.clock.began);
    let end = story.clock.ago(story.clock.month_end);
    for v in ALL {
        let mut chance = Chance::of(v.id);
        let first = if v.id == NEWCOMER { NEWCOMER_DAYS } else { oldest };
        let last = match v.left {
            Some((ago, _)) => ago + 1,
            None if v.id == LATE => LATE_DAYS,
            None => 1,
        };
        // Thousandths of cents and of users, so that a day's growth is not lost.
        let (mut revenue, mut burn, mut users) = (v.revenue * 100_000, v.burn * 100_000, v.users * 1_000);
        for ago in (last..=first).rev() {
            (revenue, burn) = (grown(revenue, v.growth), grown(burn, v.growth.max(0) * 7 / 10));
            users = grown(users, v.growth + 60);
            let ramp = if v.launched { progress(ago, end + 11, end + 3) } else { 0 };
            let spending = ramp * (1_000 - 550 * progress(ago, end, end - 20) / 1_000) / 1_000;
            let shown = |value: i64, more: i64, chance: &mut Chance| {
                value / 1_000 * (1_000 + more) / 1_000 * (10_000 + chance.between(-25, 25)) / 10_000
            };
            let earned = shown(revenue, ramp * 155 / 1_000, &mut chance);
            let spent = shown(burn, spending * 275 / 1_000, &mut chance);
            let used = shown(users, ramp * 275 / 1_000, &mut chance);
            let (at, day) = (story.clock.reported(ago), story.clock.day(ago));
            let row = if v.id == NEWCOMER && ago == 1 {
                // The database takes this where a number is declared; the contract does not.
                row![v.id, day, earned, spent, story.no_number]
            } else {
                row![v.id, day, earned, spent, used]
            };
            story.row(at, &METRICS, row);
        }
    }
}

/// Every venture is assessed once a quarter as long as somebody works on it.
fn assessments(story: &mut Story) {
    const DAYS: [i64; 5] = [402, 311, 220, 129, 38];
    for v in ALL.iter().filter(|v| v.id != NEWCOMER) {
        for (round, ago) in DAYS.into_iter().enumerate() {
            if v.left.is_some_and(|(left, _)| ago <= left) {
                continue;
            }
            let moved = v.moved * round as i64 / 4;
            let [fit, health, growth, efficiency] =
                v.scores.map(|tenths| Hundredths((tenths + moved).clamp(0, 50) * 10));
            let (at, day) = (story.clock.at(ago, 15, 0), story.clock.day(ago));
            story.row(at, &ASSESSMENTS, row![v.id, day, fit, health, growth, efficiency]);
        }
    }
}

/// Helios hangs on two ventures at once, and since Atlas bought its forecasts three of them hang on each other.
fn dependencies(story: &mut Story) {
    const GIVEN: &[(&str, &str, &str, &str, &str)] = &[
        ("d-01", "helios", "borealis", "critical", "Grid data comes from Borealis only."),
        ("d-02", "helios", "atlas", "critical", "The platform team of Atlas runs the Helios cluster."),
        ("d-03", "electra", "helios", "critical", "Charging plans are computed from solar forecasts."),
        ("d-04", "borealis", "atlas", "high", "Invoices go through the billing core of Atlas."),
        ("d-05", "gemini", "cygnus", "high", "Payments."),
        ("d-06", "fornax", "cygnus", "medium", "Identity checks."),
        ("d-07", "juno", "gemini", "low", "Shared support desk."),
        ("d-08", "cygnus", "draco", "critical", "Card readers; Draco is paused, and stock lasts for a year."),
    ];
    for (id, from, to, criticality, what) in GIVEN.iter().copied() {
        story.given(&DEPENDENCIES, row![id, from, to, criticality, "active", what]);
    }
    let at = story.clock.at(25, 11, 0);
    story.row(
        at,
        &DEPENDENCIES,
        row!["d-09", "atlas", "helios", "high", "active", "Routes follow the solar forecasts."],
    );
    let found = story.clock.later(at, 5);
    for venture in ["atlas", "borealis", "helios"] {
        story.row(found, &GROUPS, row![venture, 3_i64]);
    }
}

fn resources(story: &mut Story) {
    let joined = story.clock.at(NEWCOMER_DAYS, 10, 0);
    for r in SHARED {
        story.given(&RESOURCES, row![r.id, r.name, r.kind, r.hours, Dollars(r.cost)]);
        for (venture, share) in r.shares.iter().copied() {
            let at = if venture == NEWCOMER { joined } else { story.clock.began };
            story.row(at, &ALLOCATIONS, row![r.id, venture, share, "active"]);
        }
    }
    for c in CONTENTIONS {
        let raised = c.raised(&story.clock);
        story.change(raised, SET_SHARE, row![c.resource, c.venture, c.share]);
        if let Some(lowered) = c.lowered(&story.clock) {
            story.change(lowered, SET_SHARE, row![c.resource, c.venture, c.usual()]);
        }
    }
}

/// What the shared hours went into, on every working day. Work that is done twice has fallen to a third since the
/// stage was entered; the meetings that this took were far too many in the last closed month.
fn usage(story: &mut Story) {
    let mut chance = Chance::of("usage");
    let oldest = story.clock.ago(story.clock.began);
    let (end, start) = (story.clock.ago(story.clock.month_end), story.clock.ago(story.clock.month_start));
    for r in SHARED {
        for (venture, share) in r.shares.iter().copied() {
            let left = ALL.iter().find(|v| v.id == venture).and_then(|v| v.left).map_or(1, |(ago, _)| ago + 1);
            let first = if venture == NEWCOMER { NEWCOMER_DAYS - 1 } else { oldest };
            for ago in (left..=first).rev() {
                let day = story.clock.day(ago);
                if matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) {
                    continue;
                }
                let at = story.clock.reported(ago);
                let twice = 100 - 65 * progress(ago, DAYS_IN_STAGE, DAYS_IN_STAGE - 10) / 1_000;
                if r.kind == "budget" {
                    if day.weekday() == Weekday::Monday {
                        let spent = r.cost * share * (80 + chance.between(0, 10)) / 435;
                        let lost = spent * twice / 1_000;
                        story.row(at, &USAGE, row![r.id, venture, day, "productive", 0_i64, spent - lost]);
                        story.row(at, &USAGE, row![r.id, venture, day, r.twice, 0_i64, lost]);
                    }
                    continue;
                }
                let available = r.hours * share / 21;
                if available == 0 {
                    continue;
                }
                let meetings = match ago {
                    _ if ago > start => 70,
                    // The first day of this month is `end` days ago.
                    _ if ago > end => 170,
                    _ => 110,
                } + chance.between(-8, 8);
                let twice = twice + chance.between(-4, 4);
                let useful = 880 + chance.between(-20, 20) - meetings - twice;
                story.row(at, &CAPACITY, row![r.id, venture, day, Hundredths(available)]);
                for (kind, thousandths, cents) in
                    [("productive", useful, 0), ("coordination", meetings, 0), (r.twice, twice, 2_500)]
                {
                    let hours = available * thousandths / 1_000;
                    story.row(at, &USAGE, row![r.id, venture, day, kind, Hundredths(hours), hours * cents / 100]);
                }
            }
        }
    }
}
