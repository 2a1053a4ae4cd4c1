-- What the program remembers from tick to tick. It is kept under the name of a rule, so that edits do not lose it.

-- Each rule as it was judged last: its text, its parts by which an edit is known, and when it is judged next.
CREATE TABLE bylaws_rules (
  rule        TEXT NOT NULL PRIMARY KEY CHECK (rule <> ''),
  kind        TEXT NOT NULL CHECK (kind IN ('gate', 'threshold', 'trigger', 'rollback', 'contract')),
  revision    TEXT NOT NULL CHECK (length(revision) = 64),
  fingerprint TEXT NOT NULL CHECK (json_valid(fingerprint)),
  judged_at   TEXT CHECK (judged_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  due_at      TEXT CHECK (due_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z')
);

-- Where a rule with a lifecycle stands for each of its keys.
CREATE TABLE bylaws_memory (
  rule   TEXT NOT NULL CHECK (rule <> ''),
  key    TEXT NOT NULL CHECK (json_valid(key)),
  memory TEXT NOT NULL CHECK (json_valid(memory)),
  PRIMARY KEY (rule, key)
);

-- What was said last of each key, with the row of the ledger that says since when.
CREATE TABLE bylaws_verdicts (
  rule    TEXT    NOT NULL CHECK (rule <> ''),
  key     TEXT    NOT NULL CHECK (json_valid(key)),
  verdict TEXT    NOT NULL CHECK (json_valid(verdict)),
  seq     INTEGER NOT NULL CHECK (seq > 0),
  PRIMARY KEY (rule, key)
);

-- The pack that was in force at the last tick, and since when.
CREATE TABLE bylaws_pack (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  revision TEXT NOT NULL CHECK (length(revision) = 64),
  contents TEXT NOT NULL,
  since    TEXT NOT NULL CHECK (since GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z')
);
