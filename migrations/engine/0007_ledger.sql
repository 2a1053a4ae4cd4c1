-- What was said and decided, in a chain: the hash of a row is made of the row and of the hash before it.

CREATE TABLE bylaws_ledger (
  seq         INTEGER PRIMARY KEY CHECK (seq > 0),
  at          TEXT NOT NULL CHECK (at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  recorded_at TEXT NOT NULL CHECK (recorded_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  kind        TEXT NOT NULL CHECK (kind <> ''),
  rule        TEXT NOT NULL,
  key         TEXT NOT NULL CHECK (json_valid(key)),
  body        TEXT NOT NULL CHECK (json_valid(body)),
  previous    TEXT NOT NULL CHECK (length(previous) = 64),
  hash        TEXT NOT NULL CHECK (length(hash) = 64)
);
CREATE INDEX bylaws_ledger_by_rule ON bylaws_ledger (rule, key, seq);

-- The words of rules, of what they use and of the house, once for each revision. The revision is their hash.
CREATE TABLE bylaws_revisions (
  revision TEXT NOT NULL PRIMARY KEY CHECK (length(revision) = 64),
  house    TEXT NOT NULL,
  rules    TEXT NOT NULL
);

-- Rows up to this one may be deleted, while the one transaction that prunes them lasts. Otherwise it is 0.
CREATE TABLE bylaws_ledger_guard (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  prune_to INTEGER NOT NULL CHECK (prune_to >= 0)
);
INSERT INTO bylaws_ledger_guard (id, prune_to) VALUES (1, 0);

CREATE TRIGGER bylaws_ledger_no_update BEFORE UPDATE ON bylaws_ledger BEGIN
  SELECT RAISE(ABORT, 'the ledger is never changed, only continued');
END;
CREATE TRIGGER bylaws_ledger_no_delete BEFORE DELETE ON bylaws_ledger
  WHEN OLD.seq > (SELECT prune_to FROM bylaws_ledger_guard) BEGIN
  SELECT RAISE(ABORT, 'rows leave the ledger only by `bylaws ledger prune`');
END;
-- REPLACE would push a row out without asking the trigger above.
CREATE TRIGGER bylaws_ledger_only_appended BEFORE INSERT ON bylaws_ledger
  WHEN NEW.seq <= (SELECT coalesce(max(seq), 0) FROM bylaws_ledger) BEGIN
  SELECT RAISE(ABORT, 'the ledger is only continued at its end');
END;
CREATE TRIGGER bylaws_revisions_no_update BEFORE UPDATE ON bylaws_revisions BEGIN
  SELECT RAISE(ABORT, 'the words of a revision are never changed');
END;
