-- Rows that break their contract and are set aside until somebody mends or releases them.
CREATE TABLE bylaws_quarantine (
  id           INTEGER PRIMARY KEY,
  contract     TEXT    NOT NULL CHECK (contract <> ''),
  row_key      TEXT    NOT NULL CHECK (json_valid(row_key)),
  row          TEXT    NOT NULL CHECK (json_valid(row)),
  reason       TEXT    NOT NULL CHECK (reason <> ''),
  set_aside_at TEXT    NOT NULL CHECK (set_aside_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  released_at  TEXT    CHECK (released_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  released_by  TEXT    CHECK (released_by <> '')
);
-- A row is set aside once at a time; what was released stays to be read.
CREATE UNIQUE INDEX bylaws_quarantine_held ON bylaws_quarantine (contract, row_key) WHERE released_at IS NULL;
CREATE INDEX bylaws_quarantine_by_set_aside_at ON bylaws_quarantine (set_aside_at);
