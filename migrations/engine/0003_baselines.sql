-- When stages were entered, and what the portfolio looked like then.
CREATE TABLE bylaws_stages (
  stage      TEXT NOT NULL PRIMARY KEY CHECK (stage <> ''),
  entered_at TEXT NOT NULL CHECK (entered_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z')
);

CREATE TABLE bylaws_baselines (
  id             INTEGER PRIMARY KEY,
  stage          TEXT    CHECK (stage <> ''),
  taken_at       TEXT    NOT NULL CHECK (taken_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  rules_revision TEXT    CHECK (rules_revision <> ''),
  taken_by       TEXT    NOT NULL CHECK (taken_by <> '')
);
CREATE INDEX bylaws_baselines_by_stage ON bylaws_baselines (stage, taken_at);

-- The rows that a rollback restores: key and row as in the change log.
CREATE TABLE bylaws_baseline_rows (
  baseline_id INTEGER NOT NULL REFERENCES bylaws_baselines (id) ON DELETE CASCADE,
  contract    TEXT    NOT NULL CHECK (contract <> ''),
  row_key     TEXT    NOT NULL CHECK (json_valid(row_key)),
  row         TEXT    NOT NULL CHECK (json_valid(row)),
  PRIMARY KEY (baseline_id, contract, row_key)
);

-- What the metrics said; a reading has a value or says why it has none.
CREATE TABLE bylaws_baseline_readings (
  baseline_id INTEGER NOT NULL REFERENCES bylaws_baselines (id) ON DELETE CASCADE,
  metric      TEXT    NOT NULL CHECK (metric <> ''),
  key         TEXT    NOT NULL CHECK (json_valid(key)),
  value       TEXT,
  unknown     TEXT,
  PRIMARY KEY (baseline_id, metric, key),
  CHECK ((value IS NULL) <> (unknown IS NULL))
);
