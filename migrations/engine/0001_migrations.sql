-- Which migrations this database has seen, and what exactly they were.
CREATE TABLE bylaws_migrations (
  family     TEXT    NOT NULL CHECK (family <> ''),
  number     INTEGER NOT NULL CHECK (number > 0),
  name       TEXT    NOT NULL CHECK (name <> ''),
  checksum   TEXT    NOT NULL CHECK (length(checksum) = 64),
  applied_at TEXT    NOT NULL CHECK (applied_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  PRIMARY KEY (family, number)
);
