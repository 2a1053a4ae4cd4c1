-- What was written to the tables that contracts name, so that a table can be seen as it was at an earlier moment.

-- One row a written row. The key is a JSON array of the contract's key columns, the image before the write a JSON
-- object of the contract's columns by their stored names. Moments have three digits after the second, so that the
-- order of the texts is the order of the moments.
CREATE TABLE bylaws_changes (
  seq        INTEGER PRIMARY KEY AUTOINCREMENT,
  at         TEXT    NOT NULL CHECK (at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9][0-9][0-9]Z'),
  table_name TEXT    NOT NULL CHECK (table_name <> ''),
  row_key    TEXT    NOT NULL CHECK (json_valid(row_key)),
  op         TEXT    NOT NULL CHECK (op IN ('insert', 'update', 'delete')),
  before     TEXT    CHECK (before IS NULL OR json_valid(before)),
  CHECK ((op = 'insert') = (before IS NULL))
);
CREATE INDEX bylaws_changes_by_row ON bylaws_changes (table_name, row_key, seq);
CREATE INDEX bylaws_changes_by_at ON bylaws_changes (at, seq);

-- Since when the log of a table is complete, and which columns its images hold.
CREATE TABLE bylaws_change_log (
  table_name TEXT NOT NULL PRIMARY KEY CHECK (table_name <> ''),
  began_at   TEXT NOT NULL CHECK (began_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  row_key    TEXT NOT NULL CHECK (json_valid(row_key)),
  columns    TEXT NOT NULL CHECK (json_valid(columns))
);
