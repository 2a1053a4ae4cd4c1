-- What the program remembers from tick to tick. It is kept under the name of a rule, so that edits do not lose it.

-- Each rule as it was judged last: its text, its parts by which an edit is known, and when it is judged next.
CREATE TABLE bylaws_rules (
  rule        text        NOT NULL PRIMARY KEY CHECK (rule <> ''),
  kind        text        NOT NULL CHECK (kind IN ('gate', 'threshold', 'trigger', 'rollback', 'contract')),
  revision    text        NOT NULL CHECK (length(revision) = 64),
  fingerprint text        NOT NULL CHECK (fingerprint::json IS NOT NULL),
  judged_at   timestamptz,
  due_at      timestamptz
);

-- Where a rule with a lifecycle stands for each of its keys.
CREATE TABLE bylaws_memory (
  rule   text NOT NULL CHECK (rule <> ''),
  key    text NOT NULL CHECK (key::json IS NOT NULL),
  memory text NOT NULL CHECK (memory::json IS NOT NULL),
  PRIMARY KEY (rule, key)
);

-- What was said last of each key, with the row of the ledger that says since when.
CREATE TABLE bylaws_verdicts (
  rule    text   NOT NULL CHECK (rule <> ''),
  key     text   NOT NULL CHECK (key::json IS NOT NULL),
  verdict text   NOT NULL CHECK (verdict::json IS NOT NULL),
  seq     bigint NOT NULL CHECK (seq > 0),
  PRIMARY KEY (rule, key)
);

-- The pack that was in force at the last tick, and since when.
CREATE TABLE bylaws_pack (
  id       bigint      PRIMARY KEY CHECK (id = 1),
  revision text        NOT NULL CHECK (length(revision) = 64),
  contents text        NOT NULL,
  since    timestamptz NOT NULL
);
