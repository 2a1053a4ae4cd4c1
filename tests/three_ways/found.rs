//! What chance has found, each once and small: rules, rows, a moment, and what must be said. Held by all ways.

/// A pack over a database at a moment.
pub(crate) struct Found {
    pub(crate) what: &'static str,
    pub(crate) zone: &'static str,
    pub(crate) rules: &'static str,
    pub(crate) rows: &'static str,
    pub(crate) at: &'static str,
    /// Of a rule or metric and key: the outcome, and what stands behind it.
    pub(crate) said: &'static [(&'static str, &'static str)],
}

pub(crate) const FOUND: &[Found] = &[
    Found {
        what: "who is referred to and not there has no metrics",
        zone: "UTC",
        rules: r#"
contract owners, each an owner
  because "Rows."
  one row per id
  id  id
contract things, each a thing
  because "Rows."
  one row per id
  dated by day
  id        id
  owner_id  id of owners
  day       date
metric n per owner = count of things
metric all = count of things where owner's n is at least 1
"#,
        rows: "INSERT INTO things VALUES ('t1', 'o9', '2026-03-01')",
        at: "2026-03-02T09:00:00Z",
        said: &[("metric all []", "unknown: orphan")],
    },
    Found {
        what: "a pair is of two rows that are there",
        zone: "UTC",
        rules: r#"
contract owners, each an owner
  because "Rows."
  one row per id
  id  id
contract tags, each a tag_row
  because "Rows."
  one row per owner_id and tag
  owner_id  id of owners
  tag       text
pairs kins of owners, each a kin
  sharing tag of tags as tagged
metric n = count of kins
"#,
        rows: "INSERT INTO owners VALUES ('o1'), ('o2'); \
               INSERT INTO tags VALUES ('o1', 'x'), ('o2', 'x'), ('o9', 'x')",
        at: "2026-03-02T09:00:00Z",
        said: &[("metric n []", "known: 1")],
    },
    Found {
        what: "what must hold of a pair may be asked of metrics",
        zone: "UTC",
        rules: r#"
contract owners, each an owner
  because "Rows."
  one row per id
  id  id
contract tags, each a tag_row
  because "Rows."
  one row per owner_id and tag
  owner_id  id of owners
  tag       text
metric tagged per owner = count of tags
pairs kins of owners, each a kin
  where tagged is at least 1
  sharing tag of tags as alike
metric n = count of kins
"#,
        rows: "INSERT INTO owners VALUES ('o1'), ('o2'); INSERT INTO tags VALUES ('o1', 'x'), ('o2', 'x')",
        at: "2026-03-02T09:00:00Z",
        said: &[("metric n []", "known: 1")],
    },
    Found {
        what: "days are held to their bounds",
        zone: "UTC",
        rules: r#"
contract owners, each an owner
  because "Rows."
  one row per id
  id      id
  joined  date, at least 2026-01-01
metric first_joined = min of joined in owners
"#,
        rows: "INSERT INTO owners VALUES ('o1', '2025-12-31')",
        at: "2026-03-02T09:00:00Z",
        said: &[("contract owners []", "violated: violated"), ("metric first_joined []", "unknown: bad_row")],
    },
    Found {
        what: "without a beginning it is over at its end all the same",
        zone: "UTC",
        rules: r#"
contract terms, each a term
  because "Rows."
  one row per id
  in force from begins until ends
  id      id
  begins  date, optional
  ends    moment, optional
metric n = count of terms
metric named = count of distinct id in terms where id is id
metric then = n at previous month
"#,
        rows: "INSERT INTO terms VALUES ('a', NULL, '2026-02-01T00:00:00Z'), ('b', NULL, '2026-03-01T00:00:00Z'), \
               ('c', NULL, NULL)",
        at: "2026-03-02T09:00:00Z",
        said: &[("metric n []", "known: 1"), ("metric named []", "known: 1"), ("metric then []", "known: 2")],
    },
    Found {
        what: "a beginning that is no day leaves it open whether it has begun",
        zone: "UTC",
        rules: r#"
contract terms, each a term
  because "Rows."
  one row per id
  in force from begins until ends
  id      id
  begins  date
  ends    date, optional
metric n = count of terms
"#,
        rows: "INSERT INTO terms VALUES ('a', 'soon', NULL), ('b', 'soon', '2026-01-01')",
        at: "2026-03-02T09:00:00Z",
        said: &[("metric n []", "unknown: bad_row")],
    },
    Found {
        what: "a day that does not exist does not hide its row",
        zone: "UTC",
        rules: r#"
contract things, each a thing
  because "Rows."
  one row per id
  dated by day
  id   id
  day  date
metric n = count of things
"#,
        rows: "INSERT INTO things VALUES ('a', '2026-13-05')",
        at: "2026-03-02T09:00:00Z",
        said: &[("metric n []", "unknown: bad_row"), ("contract things []", "violated: violated")],
    },
    Found {
        what: "a moment is one for the database and for the program, or for neither",
        zone: "UTC",
        rules: r#"
contract things, each a thing
  because "Rows."
  one row per id
  dated by seen
  id    id
  seen  moment
metric n = count of things
"#,
        rows: "INSERT INTO things VALUES ('a', '2026-03-01T09:00:00 +02:00'), ('b', '2026-03-01T24:00:00Z')",
        at: "2026-03-02T09:00:00Z",
        said: &[("metric n []", "unknown: bad_row"), ("contract things []", "violated: violated")],
    },
    Found {
        what: "what no exact number can be breaks its contract",
        zone: "UTC",
        rules: r#"
contract things, each a thing
  because "Rows."
  one row per id
  id     id
  score  number
metric n = count of things where score is above 2
"#,
        rows: "INSERT INTO things VALUES ('a', 9e999), ('b', 1e300), ('c', 1e-300)",
        at: "2026-03-02T09:00:00Z",
        said: &[("metric n []", "unknown: bad_row"), ("contract things []", "violated: violated")],
    },
    Found {
        what: "blank is empty, whatever it is blank with",
        zone: "UTC",
        rules: r#"
contract things, each a thing
  because "Rows."
  one row per id
  id    id
  note  text, not empty
metric notes = count of distinct note in things
"#,
        rows: "INSERT INTO things VALUES ('a', char(9))",
        at: "2026-03-02T09:00:00Z",
        said: &[("contract things []", "violated: violated"), ("metric notes []", "unknown: bad_row")],
    },
    Found {
        what: "of several rows of one date the latest is the one whose key comes last",
        zone: "UTC",
        rules: r#"
contract owners, each an owner
  because "Rows."
  one row per id
  id  id
contract things, each a thing
  because "Rows."
  one row per id
  dated by day
  id        id
  owner_id  id of owners
  day       date
  score     number
metric last per owner = latest score in things
metric start per owner = first score in things
metric last_of_all = latest score in things
metric first_of_all = first score in things
"#,
        rows: "INSERT INTO owners VALUES ('o1'); \
               INSERT INTO things VALUES ('b', 'o1', '2026-03-01', 2), ('c', 'o1', '2026-03-01', 3), \
               ('a', 'o1', '2026-03-01', 1)",
        at: "2026-03-02T09:00:00Z",
        said: &[
            ("metric last [o1]", "known: 3"),
            ("metric start [o1]", "known: 1"),
            ("metric last_of_all []", "known: 3"),
            ("metric first_of_all []", "known: 1"),
        ],
    },
    Found {
        what: "of two rows of one key nobody knows which to accept",
        zone: "UTC",
        rules: r#"
contract things, each a thing
  because "Rows."
  one row per id
  id     id
  score  number
  on violation accept
metric all = sum of score in things
"#,
        rows: "INSERT INTO things VALUES ('a', 1), ('a', 5)",
        at: "2026-03-02T09:00:00Z",
        said: &[("metric all []", "unknown: bad_row")],
    },
    Found {
        what: "days are added by the holidays and the clock of the house",
        zone: "Europe/Berlin",
        rules: r#"
contract things, each a thing
  because "Rows."
  one row per id
  id    id
  day   date
  seen  moment
param few = 2 business days, from 1 business day to 9 business days
  because "A while."
metric due per thing = day + few
metric later per thing = seen + 1 day
"#,
        // 6 March is a Friday, and 9 March a holiday there; on 29 March an hour is missing.
        rows: "INSERT INTO things VALUES ('a', '2026-03-06', '2026-03-28T12:00:00Z')",
        at: "2026-03-02T09:00:00Z",
        said: &[("metric due [a]", "known: 2026-03-11"), ("metric later [a]", "known: 2026-03-29T11:00:00Z")],
    },
    Found {
        what: "the latest of too few rows is not known",
        zone: "UTC",
        rules: r#"
contract owners, each an owner
  because "Rows."
  one row per id
  id  id
contract things, each a thing
  because "Rows."
  one row per id
  dated by day
  id        id
  owner_id  id of owners
  day       date
metric last per owner = latest id in things, needs at least 2 rows
"#,
        rows: "INSERT INTO owners VALUES ('o1'); INSERT INTO things VALUES ('a', 'o1', '2026-03-01')",
        at: "2026-03-02T09:00:00Z",
        said: &[("metric last [o1]", "unknown: too_few_rows")],
    },
    Found {
        what: "a day that does not exist is not the newest",
        zone: "UTC",
        rules: r#"
contract things, each a thing
  because "Rows."
  one row per id
  dated by day
  id   id
  day  date
  fresh within 2 days, stale after 5 days
metric n = count of things where id is not id
"#,
        rows: "INSERT INTO things VALUES ('a', '2026-02-28'), ('b', '2026-02-30')",
        at: "2026-03-01T09:00:00Z",
        said: &[("metric n []", "known: 0")],
    },
    Found {
        what: "who joined later is judged with the next period, whatever the pace is now",
        zone: "UTC",
        rules: r#"
contract things, each a thing
  because "Rows."
  one row per id
  dated by day
  id   id
  day  date
metric all = count of things
trigger seen "Seen", per thing
  because "It is."
  when all is at least 1
  check daily while all is above 9, otherwise monthly
  tell chairman
"#,
        rows: "INSERT INTO things VALUES ('a', '2026-02-20'), ('b', '2026-03-01')",
        at: "2026-03-02T09:00:00Z",
        said: &[("trigger seen [a]", "fires: condition_holds"), ("trigger seen [b]", "-")],
    },
    Found {
        what: "rows lead to nobody through those who are no longer in force",
        zone: "UTC",
        rules: r#"
contract teams, each a team
  because "Rows."
  one row per id
  id  id
contract owners, each an owner
  because "Rows."
  one row per id
  in force from begins until ends
  id       id
  team_id  id of teams
  begins   date, optional
  ends     date, optional
contract things, each a thing
  because "Rows."
  one row per id
  dated by day
  id        id
  owner_id  id of owners
  day       date
  at least 1 row per team every 1 month
metric n per team = count of things
"#,
        rows: "INSERT INTO teams VALUES ('t1'); INSERT INTO owners VALUES ('o1', 't1', NULL, '2026-02-01'); \
               INSERT INTO things VALUES ('a', 'o1', '2026-02-20')",
        at: "2026-03-02T09:00:00Z",
        said: &[("metric n [t1]", "unknown: too_few_rows")],
    },
    Found {
        what: "the latest row may be chosen by what it refers to",
        zone: "UTC",
        rules: r#"
contract owners, each an owner
  because "Rows."
  one row per id
  id     id
  grade  one of low or high
contract things, each a thing
  because "Rows."
  one row per id
  dated by day
  id        id
  owner_id  id of owners
  maker_id  id of owners
  day       date
  score     number
metric last per owner = latest score in things via owner_id where maker's grade is high
"#,
        rows: "INSERT INTO owners VALUES ('o1', 'low'), ('o2', 'high'); \
               INSERT INTO things VALUES ('a', 'o1', 'o2', '2026-02-20', 1), ('b', 'o1', 'o1', '2026-02-21', 2)",
        at: "2026-03-02T09:00:00Z",
        said: &[("metric last [o1]", "known: 1")],
    },
    Found {
        what: "a row that may have no date counts without one",
        zone: "UTC",
        rules: r#"
contract things, each a thing
  because "Rows."
  one row per id
  dated by day
  id   id
  day  date, optional
metric n = count of things
"#,
        rows: "INSERT INTO things VALUES ('a', NULL), ('b', '2026-03-01'), ('c', '2026-03-09')",
        at: "2026-03-02T09:00:00Z",
        said: &[("metric n []", "known: 2")],
    },
    Found {
        what: "where there were no rows it does not matter what they would have led to",
        zone: "UTC",
        rules: r#"
contract owners, each an owner
  because "Rows."
  one row per id
  id     id
  grade  one of low or high
contract things, each a thing
  because "Rows."
  one row per id
  dated by day
  id        id
  owner_id  id of owners
  day       date
metric n = count of things where owner's grade is high
metric then = n at previous month
"#,
        rows: "INSERT INTO owners VALUES ('o1', 'high'); INSERT INTO things VALUES ('a', 'o1', '2026-03-01')",
        at: "2026-03-02T09:00:00Z",
        said: &[("metric n []", "known: 1"), ("metric then []", "known: 0")],
    },
];
