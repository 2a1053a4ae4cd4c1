//! What coordination brought the ventures of the demo: synergies, conflicts, governance, and the program's own ledger.

use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::Weekday;

use super::portfolio::CONTENTIONS;
use super::{Chance, Clock, DAYS_IN_STAGE, Dollars, Hundredths, Moment, Story, Table, row};
use crate::lang::pack::Pack;
use crate::time::Period;

const OPPORTUNITIES: Table = Table {
    name: "synergy_opportunities",
    columns: &[
        "id",
        "first_venture_id",
        "second_venture_id",
        "kind",
        "status",
        "value_potential",
        "importance",
        "effort",
        "rationale",
        "created_at",
    ],
    state: false,
};
const PLANS: Table = Table {
    name: "portfolio_coordination_plans",
    columns: &[
        "id",
        "opportunity_id",
        "status",
        "title",
        "owner",
        "budget",
        "expected_value",
        "success_metric",
        "created_at",
    ],
    state: false,
};
const INITIATIVES: Table = Table {
    name: "synergy_initiatives",
    columns: &[
        "id",
        "opportunity_id",
        "first_venture_id",
        "second_venture_id",
        "name",
        "owner",
        "status",
        "budget",
        "implementation_cost",
        "target_value",
        "approved_at",
        "launched_at",
        "completed_at",
        "updated_at",
        "benefits_measured",
    ],
    state: false,
};
const MILESTONES: Table =
    Table { name: "milestones", columns: &["id", "initiative_id", "title", "due_on", "done_on"], state: true };
const VALUE: Table = Table {
    name: "value_capture_log",
    columns: &[
        "id",
        "initiative_id",
        "kind",
        "captured_at",
        "cost_saved",
        "revenue_generated",
        "risk_reduced",
        "time_saved",
        "note",
    ],
    state: false,
};
const VALUE_READINGS: Table =
    Table { name: "value_capture_readings", columns: &["initiative_id", "read_at", "events_found"], state: false };
const STATUSES: Table = Table {
    name: "initiative_statuses",
    columns: &["initiative_id", "read_at", "reported_status", "progress"],
    state: false,
};
const CONFLICTS: Table = Table {
    name: "resource_conflicts",
    columns: &["id", "resource_id", "kind", "status", "booked", "detected_at", "resolved_at", "note"],
    state: false,
};
const RESOLUTIONS: Table = Table {
    name: "resolutions",
    columns: &["id", "resource_id", "approach", "shift", "cost", "trade_offs", "alternatives"],
    state: true,
};
const DECOUPLINGS: Table =
    Table { name: "decouplings", columns: &["id", "venture_id", "approach", "cost", "rationale"], state: true };
const TRADE_OFFS: Table =
    Table { name: "trade_offs", columns: &["id", "subject", "gain", "price", "what_if", "proposed_at"], state: false };
const REVIEWS: Table =
    Table { name: "portfolio_reviews", columns: &["id", "kind", "called_at", "held_at", "summary"], state: false };
const PLAYBOOKS: Table =
    Table { name: "governance_playbooks", columns: &["id", "title", "content", "published_on"], state: true };
const POST_MORTEMS: Table =
    Table { name: "post_mortems", columns: &["id", "initiative_id", "subject", "status", "opened_at"], state: true };
const LESSONS: Table =
    Table { name: "lessons", columns: &["id", "post_mortem_id", "source", "lesson", "recorded_at"], state: true };
const CONFIG: Table = Table {
    name: "portfolio_coordination_config",
    columns: &["parameter", "value", "default_value", "unit", "category", "description", "changed_at", "changed_by"],
    state: true,
};
const CONFIG_HISTORY: Table = Table {
    name: "portfolio_coordination_config_history",
    columns: &["id", "parameter", "changed_at", "changed_by", "old_value", "new_value", "reason"],
    state: false,
};
const RECURSION_TRIGGERS: Table =
    Table { name: "recursion_triggers", columns: &["id", "title", "mode", "depth", "description"], state: true };
const RECURSION_EXECUTIONS: Table = Table {
    name: "recursion_executions",
    columns: &["id", "trigger_id", "subject", "fired_at", "ended_at", "iteration", "outcome", "judged", "overridden"],
    state: false,
};
const RECURSION_METRICS: Table = Table {
    name: "recursion_metrics",
    columns: &["trigger_id", "measured_on", "executions", "accuracy", "false_positives", "resolved", "response_hours"],
    state: false,
};
const MEETINGS: Table = Table {
    name: "advisory_board_meetings",
    columns: &["id", "held_on", "customers", "ventures_represented", "feedback"],
    state: false,
};
const CASE_STUDIES: Table =
    Table { name: "case_studies", columns: &["id", "initiative_id", "title", "published_on"], state: true };
const REFERRALS: Table = Table {
    name: "referrals",
    columns: &["id", "from_venture_id", "to_venture_id", "referred_on", "status", "revenue"],
    state: false,
};
const FIRINGS: Table = Table {
    name: "bylaws_firings",
    columns: &["id", "rule", "key", "fired_at", "first_action_at", "outcome", "rounds", "overridden", "judged"],
    state: false,
};
const STEPS: Table = Table {
    name: "bylaws_steps",
    columns: &["id", "firing_id", "rule", "step", "class", "done_at", "by_person"],
    state: false,
};
const ANSWERS: Table = Table {
    name: "bylaws_answers",
    columns: &["id", "rule", "key", "role", "person", "asked_at", "answer", "answered_at"],
    state: false,
};

const SET_DONE: &str = "UPDATE milestones SET done_on = ?2 WHERE id = ?1";
const CLOSE_POST_MORTEM: &str = "UPDATE post_mortems SET status = 'closed' WHERE id = ?1";

pub(super) fn tell(story: &mut Story, pack: &Pack) {
    opportunities(story);
    plans(story);
    initiatives(story);
    conflicts(story);
    governance(story);
    config(story, pack);
    customers(story);
    ledger(story);
}

// ── synergies ──

/// Id, ventures, kind, status, tenths of value, importance and effort, days ago, and why.
type Opportunity =
    (&'static str, &'static str, &'static str, &'static str, &'static str, [i64; 3], i64, Option<&'static str>);

/// Where two active ventures share enough for PORTFOLIO-001, somebody has opened an opportunity, with one exception:
/// that of Atlas and Cygnus expired, and what they share is still there. Two stand the wrong way round, as people
/// write them. Of those found in the last months few were launched.
const REGISTER: &[Opportunity] = &[
    ("o-01", "cygnus", "gemini", "technology", "completed", [30, 40, 30], 215, Some("Both keep their own billing.")),
    (
        "o-02",
        "atlas",
        "borealis",
        "customer",
        "completed",
        [35, 40, 25],
        330,
        Some("The same factories, called twice."),
    ),
    ("o-03", "gemini", "juno", "team", "completed", [25, 30, 30], 270, Some("Two half-used support desks.")),
    ("o-04", "atlas", "helios", "technology", "launched", [35, 40, 45], 140, Some("Two data platforms of one kind.")),
    ("o-05", "helios", "electra", "customer", "launched", [40, 45, 30], 88, Some("Solar and charging for one roof.")),
    ("o-06", "borealis", "electra", "operational", "completed", [25, 30, 15], 220, Some("Two contracts, one vendor.")),
    ("o-07", "cygnus", "fornax", "team", "launched", [35, 40, 30], 260, Some("Two people on call instead of four.")),
    ("o-08", "atlas", "cygnus", "customer", "rejected", [20, 20, 20], 340, Some("Retailers buy from both.")),
    ("o-09", "borealis", "helios", "technology", "launched", [40, 40, 25], 170, Some("Forecasts computed twice.")),
    (
        "o-10",
        "cygnus",
        "fornax",
        "technology",
        "launched",
        [35, 35, 20],
        185,
        Some("The same services in one language."),
    ),
    ("o-11", "gemini", "juno", "technology", "approved", [30, 30, 20], 85, Some("One search service would do.")),
    ("o-12", "borealis", "atlas", "technology", "planned", [35, 35, 30], 132, Some("One database team.")),
    ("o-13", "atlas", "gemini", "technology", "approved", [30, 30, 25], 121, None),
    ("o-14", "borealis", "gemini", "technology", "planned", [30, 25, 25], 112, None),
    ("o-15", "atlas", "gemini", "customer", "approved", [35, 40, 20], 104, Some("Staffing for the same warehouses.")),
    ("o-16", "borealis", "electra", "customer", "planned", [40, 40, 30], 148, Some("Utilities buy both.")),
    ("o-17", "borealis", "helios", "customer", "planned", [35, 35, 25], 127, None),
    ("o-18", "atlas", "gemini", "operational", "approved", [30, 25, 15], 99, Some("Three vendors in common.")),
    ("o-19", "atlas", "cygnus", "technology", "expired", [30, 30, 30], 118, Some("One event stream.")),
    ("o-20", "borealis", "cygnus", "technology", "rejected", [15, 20, 30], 90, None),
    ("o-21", "cygnus", "fornax", "customer", "rejected", [20, 20, 35], 82, Some("Regulators would object.")),
    ("o-22", "atlas", "borealis", "team", "rejected", [20, 25, 30], 76, None),
    (
        "o-23",
        "borealis",
        "helios",
        "operational",
        "planned",
        [25, 30, 15],
        71,
        Some("Two warehouses of data, one bill."),
    ),
    ("o-24", "electra", "juno", "operational", "rejected", [15, 15, 20], 64, None),
    ("o-25", "atlas", "cygnus", "operational", "identified", [25, 30, 20], 58, Some("Cloud and payments together.")),
    ("o-26", "borealis", "helios", "team", "identified", [25, 35, 20], 44, Some("Four modellers, two backlogs.")),
    ("o-27", "cygnus", "gemini", "customer", "identified", [15, 20, 35], 33, None),
    ("o-28", "juno", "electra", "technology", "identified", [15, 20, 40], 24, None),
    ("o-29", "atlas", "gemini", "team", "identified", [25, 30, 20], 15, Some("Sales and design know each other.")),
    ("o-30", "borealis", "gemini", "operational", "identified", [25, 25, 15], 8, None),
    ("o-31", "fornax", "juno", "customer", "identified", [10, 15, 40], 3, None),
    ("o-32", "atlas", "borealis", "operational", "identified", [20, 15, 35], 12, None),
    ("o-33", "cygnus", "gemini", "operational", "identified", [25, 25, 20], 19, None),
    ("o-34", "atlas", "helios", "operational", "completed", [20, 25, 15], 296, Some("One cloud, two discounts.")),
    ("o-35", "borealis", "electra", "team", "completed", [15, 25, 15], 282, Some("Two sales trainings a year.")),
];

fn opportunity(id: &str) -> Option<&'static Opportunity> {
    REGISTER.iter().find(|o| o.0 == id)
}

fn opportunities(story: &mut Story) {
    for (id, first, second, kind, status, marks, ago, why) in REGISTER.iter().copied() {
        let at = story.clock.at(ago, 6, 0);
        let [value, importance, effort] = marks.map(|tenths| Hundredths(tenths * 10));
        story.row(at, &OPPORTUNITIES, row![id, first, second, kind, status, value, importance, effort, why, at]);
    }
}

/// Twelve of fourteen plans are in use; one draft waits for words and one approval for hands.
fn plans(story: &mut Story) {
    const PLANNED: &[(&str, &str, &str, &str, i64, i64, &str)] = &[
        ("o-01", "operational", "Shared billing core", "Ines Carvalho", 25_000, 90_000, "billing incidents halved"),
        ("o-02", "operational", "Joint field sales", "Mara Lindqvist", 22_000, 70_000, "12 joint contracts"),
        ("o-03", "operational", "One support desk", "Priya Raman", 18_000, 60_000, "first answer within 2 hours"),
        ("o-04", "operational", "Common data platform", "Jonas Keller", 60_000, 160_000, "one platform, two tenants"),
        ("o-05", "operational", "Bundled charging offer", "Sofia Brandt", 28_000, 120_000, "40 bundles sold"),
        ("o-06", "operational", "Vendor pooling", "Tomasz Wilk", 9_000, 40_000, "15% off the list price"),
        ("o-07", "operational", "Shared security watch", "Daniel Osei", 16_000, 50_000, "one rota, no gaps"),
        ("o-09", "operational", "Forecast exchange", "Tomasz Wilk", 12_000, 80_000, "each forecast computed once"),
        ("o-10", "operational", "One service template", "Ines Carvalho", 9_500, 45_000, "new service within a day"),
        ("o-11", "operational", "Search as a service", "Priya Raman", 8_000, 35_000, "one index, two owners"),
        ("o-34", "operational", "One cloud contract", "Mara Lindqvist", 8_000, 30_000, "12% off the cloud bill"),
        ("o-35", "operational", "One sales academy", "Sofia Brandt", 7_000, 25_000, "each course given once"),
        ("o-17", "draft", "Utilities desk", "Jonas Keller", 14_000, 60_000, "to be written"),
        ("o-23", "approved", "One data warehouse bill", "Tomasz Wilk", 6_000, 30_000, "20% off the bill"),
    ];
    for (of, status, title, owner, budget, value, measure) in PLANNED.iter().copied() {
        let ago = opportunity(of).map_or(60, |o| o.6 - 7).max(1);
        let at = story.clock.at(ago, 14, 0);
        let id = format!("p-{}", of.trim_start_matches("o-"));
        story.row(at, &PLANS, row![id, of, status, title, owner, Dollars(budget), Dollars(value), measure, at]);
    }
}

/// When something about an initiative was: so many days ago, or within the month that is not over.
#[derive(Clone, Copy)]
enum When {
    Ago(i64),
    /// Eighths of what has passed of this month.
    ThisMonth(i64),
}

impl When {
    fn moment(self, clock: &Clock) -> Timestamp {
        match self {
            When::Ago(days) => clock.at(days, 13, 0),
            When::ThisMonth(eighths) => clock.this_month(eighths),
        }
    }
}

/// A milestone: what, when it is due, and when it was done; all in days ago, what lies ahead below zero.
type Milestone = (&'static str, i64, Option<i64>);

struct Initiative {
    id: &'static str,
    of: &'static str,
    name: &'static str,
    owner: &'static str,
    status: &'static str,
    /// Dollars.
    budget: i64,
    cost: i64,
    target: i64,
    approved: When,
    launched: Option<When>,
    completed: Option<i64>,
    /// Days ago.
    updated: i64,
    measured: bool,
    /// Dollars that it brought in so many events of these kinds, up to so many days ago.
    brought: (i64, i64, &'static [&'static str], i64),
    milestones: &'static [Milestone],
}

const UNDERTAKEN: &[Initiative] = &[
    Initiative {
        id: "i-01",
        of: "o-01",
        name: "Shared billing core",
        owner: "Ines Carvalho",
        status: "completed",
        budget: 25_000,
        cost: 24_000,
        target: 90_000,
        approved: When::Ago(200),
        launched: Some(When::Ago(192)),
        completed: Some(60),
        updated: 60,
        measured: true,
        brought: (142_000, 19, &["cost_saved", "time_saved", "cost_saved"], 55),
        milestones: &[("Interfaces agreed", 180, Some(181)), ("Both on the core", 70, Some(64))],
    },
    Initiative {
        id: "i-02",
        of: "o-02",
        name: "Joint field sales",
        owner: "Mara Lindqvist",
        status: "completed",
        budget: 22_000,
        cost: 22_000,
        target: 70_000,
        approved: When::Ago(318),
        launched: Some(When::Ago(310)),
        completed: Some(150),
        updated: 150,
        measured: true,
        brought: (84_000, 14, &["revenue_generated"], 150),
        milestones: &[("Territories drawn", 300, Some(298)), ("First joint contract", 260, Some(262))],
    },
    Initiative {
        id: "i-03",
        of: "o-03",
        name: "One support desk",
        owner: "Priya Raman",
        status: "completed",
        budget: 18_000,
        cost: 18_000,
        target: 60_000,
        approved: When::Ago(258),
        launched: Some(When::Ago(250)),
        completed: Some(100),
        updated: 100,
        measured: true,
        brought: (38_000, 11, &["time_saved", "cost_saved"], 100),
        milestones: &[("Rota published", 240, Some(236)), ("Old desks closed", 130, Some(104))],
    },
    Initiative {
        id: "i-04",
        of: "o-04",
        name: "Common data platform",
        owner: "Jonas Keller",
        status: "active",
        budget: 60_000,
        cost: 64_000,
        target: 160_000,
        approved: When::Ago(126),
        launched: Some(When::Ago(118)),
        completed: None,
        updated: 2,
        measured: false,
        brought: (33_000, 8, &["time_saved", "cost_saved", "risk_reduced"], 9),
        milestones: &[
            ("First tenant moved", 90, Some(83)),
            ("Second tenant moved", 40, Some(12)),
            ("Old platform off", -12, None),
        ],
    },
    Initiative {
        id: "i-05",
        of: "o-05",
        name: "Bundled charging offer",
        owner: "Sofia Brandt",
        status: "active",
        budget: 28_000,
        cost: 30_000,
        target: 120_000,
        approved: When::Ago(78),
        launched: Some(When::Ago(70)),
        completed: None,
        updated: 17,
        measured: true,
        brought: (112_000, 15, &["revenue_generated", "revenue_generated", "cost_saved"], 4),
        milestones: &[
            ("Bundle priced", 62, Some(61)),
            ("Joint price list signed", 9, None),
            ("Second region opened", -20, None),
        ],
    },
    Initiative {
        id: "i-06",
        of: "o-06",
        name: "Vendor pooling",
        owner: "Tomasz Wilk",
        status: "completed",
        budget: 9_000,
        cost: 9_000,
        target: 40_000,
        approved: When::Ago(206),
        launched: Some(When::Ago(198)),
        completed: Some(20),
        updated: 20,
        measured: true,
        brought: (52_000, 9, &["cost_saved"], 20),
        milestones: &[("Frame contract signed", 150, Some(152)), ("All orders moved", 30, Some(22))],
    },
    Initiative {
        id: "i-07",
        of: "o-07",
        name: "Shared security watch",
        owner: "Daniel Osei",
        status: "paused",
        budget: 16_000,
        cost: 13_000,
        target: 50_000,
        approved: When::Ago(248),
        launched: Some(When::Ago(240)),
        completed: None,
        updated: 31,
        measured: false,
        brought: (30_000, 7, &["risk_reduced", "time_saved"], 45),
        milestones: &[("Rota agreed", 225, Some(221)), ("One alarm console", 50, None)],
    },
    Initiative {
        id: "i-08",
        of: "o-08",
        name: "Referral exchange",
        owner: "Mara Lindqvist",
        status: "ended",
        budget: 7_000,
        cost: 8_000,
        target: 30_000,
        approved: When::Ago(326),
        launched: Some(When::Ago(318)),
        completed: None,
        updated: 170,
        measured: true,
        brought: (5_000, 4, &["revenue_generated"], 190),
        milestones: &[("Terms agreed", 312, Some(309)), ("Ten referrals", 230, None)],
    },
    Initiative {
        id: "i-09",
        of: "o-09",
        name: "Forecast exchange",
        owner: "Tomasz Wilk",
        status: "active",
        budget: 12_000,
        cost: 4_000,
        target: 80_000,
        approved: When::ThisMonth(2),
        launched: Some(When::ThisMonth(5)),
        completed: None,
        updated: 0,
        measured: false,
        brought: (0, 0, &[], 0),
        milestones: &[("Formats agreed", -6, None), ("First forecast shared", -26, None)],
    },
    Initiative {
        id: "i-10",
        of: "o-10",
        name: "One service template",
        owner: "Ines Carvalho",
        status: "active",
        budget: 9_500,
        cost: 3_000,
        target: 45_000,
        approved: When::ThisMonth(1),
        launched: Some(When::ThisMonth(4)),
        completed: None,
        updated: 0,
        measured: false,
        brought: (0, 0, &[], 0),
        milestones: &[("Template reviewed", -9, None)],
    },
    Initiative {
        id: "i-11",
        of: "o-11",
        name: "Search as a service",
        owner: "Priya Raman",
        status: "approved",
        budget: 8_000,
        cost: 0,
        target: 35_000,
        approved: When::ThisMonth(6),
        launched: None,
        completed: None,
        updated: 0,
        measured: false,
        brought: (0, 0, &[], 0),
        milestones: &[("Index chosen", -14, None)],
    },
    Initiative {
        id: "i-12",
        of: "o-34",
        name: "One cloud contract",
        owner: "Mara Lindqvist",
        status: "completed",
        budget: 8_000,
        cost: 8_000,
        target: 30_000,
        approved: When::Ago(284),
        launched: Some(When::Ago(276)),
        completed: Some(125),
        updated: 125,
        measured: true,
        brought: (41_000, 8, &["cost_saved"], 122),
        milestones: &[("Volumes added up", 260, Some(258)), ("Contract signed", 180, Some(177))],
    },
    Initiative {
        id: "i-13",
        of: "o-35",
        name: "One sales academy",
        owner: "Sofia Brandt",
        status: "completed",
        budget: 7_000,
        cost: 7_500,
        target: 25_000,
        approved: When::Ago(270),
        launched: Some(When::Ago(262)),
        completed: Some(110),
        updated: 110,
        measured: true,
        brought: (29_000, 6, &["time_saved", "cost_saved"], 108),
        milestones: &[("Curriculum agreed", 250, Some(251)), ("First course", 215, Some(213))],
    },
];

/// Two initiatives carry today's worries: the common data platform has cost more than it brought for longer than the
/// window of attribution, and the charging offer sells well but nobody has moved it for two weeks. Two more were
/// launched this month, so that at the end of the last one there were too few to expect events from.
fn initiatives(story: &mut Story) {
    for i in UNDERTAKEN {
        let Some(of) = opportunity(i.of) else { continue };
        let approved = i.approved.moment(&story.clock);
        let launched = i.launched.map(|w| w.moment(&story.clock));
        let completed = i.completed.map(|ago| story.clock.at(ago, 12, 0));
        let updated = story.clock.at(i.updated, 11, 30).max(launched.unwrap_or(approved));
        let (first, second) = if of.1 < of.2 { (of.1, of.2) } else { (of.2, of.1) };
        story.row(
            approved,
            &INITIATIVES,
            row![
                i.id,
                i.of,
                first,
                second,
                i.name,
                i.owner,
                i.status,
                Dollars(i.budget),
                Dollars(i.cost),
                Dollars(i.target),
                approved,
                launched,
                completed,
                updated,
                i.measured,
            ],
        );
        milestones(story, i, approved);
        if let Some(launched) = launched {
            value(story, i, launched);
            readings(story, i, approved);
        }
    }
}

fn milestones(story: &mut Story, i: &Initiative, approved: Timestamp) {
    for (n, (title, due, done)) in i.milestones.iter().copied().enumerate() {
        let id = format!("m-{}-{}", i.id.trim_start_matches("i-"), n + 1);
        let due_on = story.clock.day(due);
        story.row(approved, &MILESTONES, row![id.as_str(), i.id, title, due_on, None::<&str>]);
        if let Some(ago) = done {
            let (at, day) = (story.clock.at(ago, 17, 30), story.clock.day(ago));
            story.change(at, SET_DONE, row![id, day]);
        }
    }
}

/// Spreads what an initiative brought over its life. The platform lost a good part again in one bad migration.
fn value(story: &mut Story, i: &Initiative, launched: Timestamp) {
    const BACK: i64 = -12_000;
    let (total, events, kinds, last) = i.brought;
    if events == 0 {
        return;
    }
    let mut chance = Chance::of(i.id);
    let first = story.clock.ago(launched) - 6;
    let mut left = total;
    for n in 0..events {
        let ago = (first - (first - last) * n / (events - 1).max(1) + chance.between(-2, 2)).max(last);
        let share = left / (events - n);
        let amount = if n + 1 == events { left } else { share * chance.between(70, 130) / 100 };
        let kind = kinds.get(n as usize % kinds.len().max(1)).copied().unwrap_or("cost_saved");
        let at = story.clock.at(ago, 10 + (n % 7) as i8, 15);
        // Reduced risk is no money in hand, and hours are worth what the rules say they are.
        let hours = if kind == "time_saved" { amount / 75 } else { 0 };
        let money = |of: &str| Dollars(if kind == of { amount } else { 0 });
        left -= if kind == "risk_reduced" { 0 } else { amount };
        let id = format!("v-{}-{:02}", i.id.trim_start_matches("i-"), n + 1);
        let (saved, earned, risk) = (money("cost_saved"), money("revenue_generated"), money("risk_reduced"));
        story.row(at, &VALUE, row![id, i.id, kind, at, saved, earned, risk, hours, None::<&str>]);
    }
    if i.id == "i-04" {
        let at = story.clock.at(33, 9, 45);
        let note = "Rework after the second migration failed.";
        story.row(at, &VALUE, row!["v-04-loss", i.id, "cost_saved", at, Dollars(BACK), 0_i64, 0_i64, 0_i64, note]);
    }
}

/// The tracker and the value events of everything under way were read today; before, once a day for two weeks.
fn readings(story: &mut Story, i: &Initiative, approved: Timestamp) {
    if !matches!(i.status, "active" | "paused") {
        return;
    }
    let percent = (i.brought.0 * 100 / i.target.max(1)).min(95);
    let daily = (1..=14).rev().map(|ago| (story.clock.at(ago, 5, 0), story.clock.at(ago, 5, 5), ago));
    let today = (story.clock.before_end(70).max(approved), story.clock.before_end(20).max(approved), 0);
    let all: Vec<(Timestamp, Timestamp, i64)> =
        daily.filter(|(at, _, _)| *at > approved).chain(std::iter::once(today)).collect();
    for (tracker, events, ago) in all {
        story.row(tracker, &STATUSES, row![i.id, tracker, i.status, (percent - ago / 3).max(0)]);
        story.row(events, &VALUE_READINGS, row![i.id, events, i64::from(ago % 5 == 4)]);
    }
}

// ── conflicts ──

/// Every contention became a conflict within minutes. One was over long ago and nobody has said so.
fn conflicts(story: &mut Story) {
    const STRATEGIC: [(i64, i64, &str); 2] = [
        (70, 40, "Borealis and Electra both court the same utilities."),
        (10, 26, "Atlas and Gemini both announced a retail planner."),
    ];
    let mut n = 0;
    for c in CONTENTIONS {
        n += 1;
        let detected = story.clock.later(c.raised(&story.clock), 3);
        let forgotten = c.resource == "design_team";
        let resolved = c.lowered(&story.clock).filter(|_| !forgotten);
        let status = if resolved.is_some() { "resolved" } else { "detected" };
        story.row(
            detected,
            &CONFLICTS,
            row![format!("c-{n:02}"), c.resource, c.kind(), status, c.booked(), detected, resolved, None::<&str>],
        );
        let proposed = story.clock.later(detected, 12);
        let (approach, cost) = match n % 3 {
            0 => ("time_sharing", Some(Dollars(0))),
            1 => ("ranking", Some(Dollars(4_800))),
            _ => ("expansion", Some(Dollars(9_500))),
        };
        let shift = (c.booked() - 100).max(5);
        let trade = "The lower-ranked venture waits for one release.";
        let other = "expansion; time-sharing by week";
        story.row(proposed, &RESOLUTIONS, row![format!("r-{n:02}"), c.resource, approach, shift, cost, trade, other]);
    }
    for (ago, hours, note) in STRATEGIC {
        n += 1;
        let detected = story.clock.at(ago, 8, 30);
        let resolved = story.clock.later(detected, hours * 60);
        story.row(
            detected,
            &CONFLICTS,
            row![format!("c-{n:02}"), None::<&str>, "strategic", "resolved", None::<i64>, detected, resolved, note],
        );
    }
    let at = story.clock.at(24, 12, 0);
    let why = "A copy of the grid data would carry Helios for a week.";
    story.row(at, &DECOUPLINGS, row!["x-01", "helios", "duplicate", Dollars(7_500), why]);
}

// ── governance ──

/// The playbook is written but not published. Reviews were held month by month until five weeks ago; reports came out
/// on the fifth of each month and digests on Mondays, until this month and this week.
fn governance(story: &mut Story) {
    for ago in [LAST_REVIEW, 64, 95, 125, 156, 186, 217, 247, 278] {
        let called = story.clock.at(ago, 7, 0);
        let held = story.clock.later(called, 24 * 60);
        let id = format!("review-{:03}", 300 - ago);
        story.row(called, &REVIEWS, row![id, "review", called, held, "Held; minutes in the archive."]);
    }
    let calendar = story.clock.calendar.clone();
    let month = calendar.period_first(Period::Month, story.clock.today);
    for back in 1..=9_i32 {
        let Ok(fifth) = month.checked_sub(back.months()).and_then(|d| d.checked_add(4.days())) else { continue };
        let at = calendar.at_time(fifth, jiff::civil::Time::constant(7, 5, 0, 0));
        story.row(at, &REVIEWS, row![format!("report-{fifth}"), "report", at, None::<Timestamp>, None::<&str>]);
    }
    let week = calendar.period_first(Period::Week, story.clock.today);
    for back in 1..=5_i32 {
        let Ok(monday) = week.checked_sub(back.weeks()) else { continue };
        let at = calendar.at_time(monday, jiff::civil::Time::constant(6, 0, 0, 0));
        story.row(at, &REVIEWS, row![format!("digest-{monday}"), "digest", at, None::<Timestamp>, None::<&str>]);
    }

    let at = story.clock.at(30, 16, 45);
    let content = "Who decides on resources, budgets, initiatives and the end of a venture, and who steps in after \
                   two days of silence. Waits for the Chairman's reading.";
    story.row(at, &PLAYBOOKS, row!["playbook-1", "How we coordinate", content, None::<&str>]);

    for (id, ago, subject, gain, price) in [
        ("t-01", 160, "Keep Kepler paused", "$14,000 of burn a month", "the patents of Kepler age"),
        ("t-02", 47, "Helios before Juno on the data team", "the forecasts of two ventures", "Juno waits a quarter"),
    ] {
        let at = story.clock.at(ago, 9, 0);
        story.row(at, &TRADE_OFFS, row![id, subject, gain, price, "decided again after 30 days", at]);
    }

    let opened = story.clock.at(169, 10, 0);
    let subject = "Referral exchange ended below its cost";
    story.row(opened, &POST_MORTEMS, row!["pm-01", "i-08", subject, "open", opened]);
    for (id, ago, source, lesson) in [
        ("l-01", 169, "rule", "The initiative had cost more than it brought when its attribution window ended."),
        ("l-02", 162, "person", "A referral without a named person at both ends is nobody's."),
    ] {
        let at = story.clock.at(ago, 10, 30);
        story.row(at, &LESSONS, row![id, "pm-01", source, lesson, at]);
    }
    let closed = story.clock.at(155, 15, 0);
    story.change(closed, CLOSE_POST_MORTEM, row!["pm-01"]);
}

/// The mirror of the parameters, and two changes that were taken back.
fn config(story: &mut Story, pack: &Pack) {
    for p in &pack.params {
        let (value, default) = (p.value.show(&p.ty), p.default.show(&p.ty));
        let nobody = (None::<Timestamp>, None::<&str>);
        story.given(
            &CONFIG,
            row![
                p.name.as_ref(),
                value,
                default,
                p.ty.unit(),
                p.category.as_deref(),
                p.because.as_ref(),
                nobody.0,
                nobody.1
            ],
        );
    }
    const TRIED: &[(&str, i64, &str, &str, &str)] = &[
        ("capacity_buffer", 71, "90%", "80%", "Leave room for the launch."),
        ("capacity_buffer", 40, "80%", "90%", "The room was not needed."),
        ("batch_planning_threshold", 39, "5", "8", "Fewer, larger rounds of planning."),
        ("batch_planning_threshold", 22, "8", "5", "Good ideas waited too long."),
    ];
    for (n, (name, ago, old, new, why)) in TRIED.iter().copied().enumerate() {
        if pack.params.iter().any(|p| &*p.name == name) {
            let at = story.clock.at(ago, 17, 0);
            let id = format!("h-{:02}", n + 1);
            story.row(at, &CONFIG_HISTORY, row![id, name, at, "chairman", old, new, why]);
        }
    }
}

// ── customers ──

fn customers(story: &mut Story) {
    for (n, (ago, customers, ventures, said)) in [
        (310_i64, 6_i64, 4_i64, "Why do two of you send us two bills?"),
        (215, 8, 5, "One person to call would be worth a discount to us."),
        (120, 9, 6, "The joint visits save us a day a month."),
        (29, 11, 7, "Charging and solar in one offer is what we asked for."),
    ]
    .into_iter()
    .enumerate()
    {
        let (at, day) = (story.clock.at(ago, 14, 0), story.clock.day(ago));
        story.row(at, &MEETINGS, row![format!("ab-{:02}", n + 1), day, customers, ventures, said]);
    }
    for (id, of, ago, title) in
        [("cs-01", "i-02", 140, "Two sales teams, one visit"), ("cs-02", "i-01", 52, "A billing core for two ventures")]
    {
        let (at, day) = (story.clock.at(ago, 10, 0), story.clock.day(ago));
        story.row(at, &CASE_STUDIES, row![id, of, title, day]);
    }
    for (n, (from, to, ago, status, dollars)) in [
        ("atlas", "borealis", 205_i64, "won", Some(18_000_i64)),
        ("borealis", "electra", 161, "won", Some(9_500)),
        ("gemini", "atlas", 118, "lost", None),
        ("helios", "electra", 61, "won", Some(22_000)),
        ("electra", "helios", 37, "won", Some(14_500)),
        ("atlas", "gemini", 16, "open", None),
        ("cygnus", "fornax", 5, "open", None),
    ]
    .into_iter()
    .enumerate()
    {
        let (at, day) = (story.clock.at(ago, 18, 0), story.clock.day(ago));
        story.row(at, &REFERRALS, row![format!("ref-{:02}", n + 1), from, to, day, status, dollars.map(Dollars)]);
    }
}

// ── the ledger ──

/// A rule that fired now and then: for what, what it ended with, and whom it asked with which answer.
struct Rule {
    name: &'static str,
    keys: &'static [&'static str],
    outcome: &'static str,
    asks: Option<(&'static str, &'static str)>,
}

const CONFLICT: Rule = Rule {
    name: "PORTFOLIO-002",
    keys: &["security_team", "growth_team"],
    outcome: "cleared",
    asks: Some(("chairman", "approved")),
};
const REVIEW: Rule = Rule { name: "PORTFOLIO-003", keys: &[], outcome: "cleared", asks: None };
const REPORT: Rule = Rule { name: "monthly_report_due", keys: &[], outcome: "sent", asks: None };
const DIGEST: Rule = Rule { name: "weekly_digest_due", keys: &[], outcome: "sent", asks: None };

/// The rules that fired in turn on days that have none of their own.
const IN_TURN: &[Rule] = &[
    Rule { name: "PORTFOLIO-001", keys: &["atlas with cygnus, technology"], outcome: "rejected", asks: None },
    Rule { name: "conflict_settled", keys: &["c-05", "c-07"], outcome: "cleared", asks: None },
    Rule {
        name: "batch_planning",
        keys: &["o-11", "o-17", "o-23"],
        outcome: "cleared",
        asks: Some(("chairman", "approved")),
    },
    Rule {
        name: "PORTFOLIO-004",
        keys: &["atlas", "borealis", "helios"],
        outcome: "accepted",
        asks: Some(("chairman", "accept_risk")),
    },
    Rule {
        name: "initiative_delayed",
        keys: &["m-04-2", "m-06-2"],
        outcome: "replanned",
        asks: Some(("owner", "new_date")),
    },
    CONFLICT,
    Rule { name: "plan_execution", keys: &["p-09", "p-10", "p-11"], outcome: "cleared", asks: None },
];

/// Days ago and resource of the conflicts for which every proposal had been tried.
const EXHAUSTED: [(i64, &str); 3] = [(27, "gpu_cluster"), (21, "data_team"), (15, "growth_budget")];

const PORTFOLIO: &[(&str, &str, i64, &str)] = &[
    ("PORTFOLIO-001", "New synergy opportunity", 2, "Two ventures share something and nobody has noticed."),
    ("PORTFOLIO-002", "Resource conflict across ventures", 3, "More is booked than there is."),
    ("PORTFOLIO-003", "Portfolio performance review", 12, "A month without a review."),
    ("PORTFOLIO-004", "Interdependency risk", 4, "What hangs together falls together."),
];

/// Days ago of the last review.
const LAST_REVIEW: i64 = 35;

/// A firing as the ledger holds it.
struct Firing {
    id: String,
    rule: &'static Rule,
    key: Option<&'static str>,
    at: Timestamp,
    acted: Timestamp,
    ended: Option<Timestamp>,
    outcome: Option<&'static str>,
    rounds: i64,
    overridden: bool,
    judged: &'static str,
}

/// Since the stage was entered something fired about every day. Most of it ran by itself and was right.
fn ledger(story: &mut Story) {
    let mut chance = Chance::of("ledger");
    let mut firings = Vec::new();
    let this_month = story.clock.calendar.period_first(Period::Month, story.clock.today);
    for ago in (0..DAYS_IN_STAGE).rev() {
        let n = DAYS_IN_STAGE - ago;
        let day = story.clock.day(ago);
        let exhausted = EXHAUSTED.iter().find(|(day, _)| *day == ago);
        let open = CONTENTIONS.last().filter(|c| c.settled.is_none() && c.began == ago);
        let (rule, key): (&'static Rule, Option<&'static str>) = match (exhausted, open) {
            (Some((_, key)), _) => (&CONFLICT, Some(*key)),
            (_, Some(c)) => (&CONFLICT, Some(c.resource)),
            _ if ago == LAST_REVIEW => (&REVIEW, None),
            // Those of this week and of this month are still to come.
            _ if day.weekday() == Weekday::Monday && ago >= 7 => (&DIGEST, None),
            _ if day.day() == 5 && day < this_month => (&REPORT, None),
            _ => {
                let rule = &IN_TURN[n as usize % IN_TURN.len()];
                (rule, rule.keys.get(chance.between(0, rule.keys.len() as i64 - 1) as usize).copied())
            }
        };
        let at = match open {
            Some(c) => story.clock.later(c.raised(&story.clock), 3),
            None => story.clock.at(ago, chance.between(6, 9) as i8, chance.between(0, 59) as i8),
        };
        let acted = story.clock.later(at, chance.between(1, 540));
        let hours = if exhausted.is_some() { 150 } else { chance.between(4, 40) };
        let lasts = open.is_some() || ago < 2;
        let ended = (!lasts).then(|| story.clock.later(at, hours * 60));
        firings.push(Firing {
            id: format!("f-{n:04}"),
            rule,
            key,
            at,
            acted,
            ended,
            outcome: ended.map(|_| exhausted.map_or(rule.outcome, |_| "exhausted")),
            rounds: if exhausted.is_some() { 3 } else { 1 + i64::from(n % 6 == 0) },
            overridden: n % 13 == 4,
            judged: match n {
                _ if ago < 4 || n % 15 == 7 => "unjudged",
                _ if n % 20 == 17 => "not_actionable",
                _ => "valid",
            },
        });
    }
    for f in &firings {
        let (fired, acted) = (Moment(f.at), Moment(f.acted));
        story.row(
            f.at,
            &FIRINGS,
            row![f.id.as_str(), f.rule.name, f.key, fired, acted, f.outcome, f.rounds, f.overridden, f.judged],
        );
    }
    for f in &firings {
        steps(story, f);
        question(story, f);
    }
    recursion(story, &firings);
}

/// What was done about a firing. Only questions took a person.
fn steps(story: &mut Story, f: &Firing) {
    const DONE: [(&str, &str); 6] = [
        ("tell chairman", "notice"),
        ("have an agent propose", "proposal"),
        ("ask for approval", "question"),
        ("apply the proposal", "write"),
        ("set status", "write"),
        ("tell lead", "notice"),
    ];
    for (i, (step, class)) in DONE.into_iter().enumerate() {
        let asks = class == "question";
        if asks && f.rule.asks.is_none() {
            continue;
        }
        let at = story.clock.later(f.acted, i as i64 * 4);
        let id = format!("{}-{}", f.id.replace("f-", "s-"), i + 1);
        story.row(at, &STEPS, row![id, f.id.as_str(), f.rule.name, step, class, Moment(at), asks]);
    }
}

/// What was asked and answered; what was asked about the CTO is open.
fn question(story: &mut Story, f: &Firing) {
    let Some((role, usual)) = f.rule.asks else { return };
    let answer = f.outcome.map(|outcome| if outcome == "exhausted" { "refused" } else { usual });
    let hours = 3 + f.rounds * 5 + f.acted.as_second() % 17;
    let answered = answer.map(|_| Moment(story.clock.later(f.acted, hours * 60)));
    let (id, person) = (f.id.replace("f-", "a-"), answer.map(|_| role));
    let asked = Moment(f.acted);
    story.row(f.acted, &ANSWERS, row![id, f.rule.name, f.key, role, person, asked, answer, answered]);
}

/// The same for those who read the recursion tables.
fn recursion(story: &mut Story, firings: &[Firing]) {
    for (id, title, depth, what) in PORTFOLIO.iter().copied() {
        story.given(&RECURSION_TRIGGERS, row![id, title, "assisted", depth, what]);
    }
    let family = |rule: &str| PORTFOLIO.iter().any(|p| p.0 == rule);
    for f in firings.iter().filter(|f| family(f.rule.name)) {
        let subject = f.key.unwrap_or("portfolio");
        let id = f.id.replace("f-", "e-");
        story.row(
            f.at,
            &RECURSION_EXECUTIONS,
            row![id, f.rule.name, subject, f.at, f.ended, f.rounds, f.outcome, f.judged, f.overridden],
        );
    }
    for ago in [36_i64, 29, 22, 15, 8, 1] {
        let (day, at) = (story.clock.day(ago), story.clock.at(ago, 23, 30));
        for (id, ..) in PORTFOLIO.iter().copied() {
            let of: Vec<&Firing> =
                firings.iter().filter(|f| f.rule.name == id && f.at <= at && story.clock.ago(f.at) < ago + 7).collect();
            let count = |test: &dyn Fn(&Firing) -> bool| of.iter().filter(|f| test(f)).count() as i64;
            let percent = |part: i64, whole: i64| (whole > 0).then(|| Hundredths(part * 10_000 / whole));
            let judged = count(&|f| f.judged != "unjudged");
            let ended = count(&|f| f.outcome.is_some());
            let all = of.len() as i64;
            let seconds: i64 = of.iter().map(|f| f.acted.as_second() - f.at.as_second()).sum();
            let accuracy = percent(count(&|f| f.judged == "valid"), judged);
            let wrong = percent(count(&|f| f.judged == "not_actionable"), judged);
            let resolved = percent(count(&|f| f.outcome.is_some_and(|o| o != "exhausted")), ended);
            let response = (all > 0).then(|| Hundredths(seconds / 36 / all));
            story.row(at, &RECURSION_METRICS, row![id, day, all, accuracy, wrong, resolved, response]);
        }
    }
}
