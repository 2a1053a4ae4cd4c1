-- Which migrations this database has seen, and what exactly they were.
CREATE TABLE bylaws_migrations (
  family     text        NOT NULL CHECK (family <> ''),
  number     bigint      NOT NULL CHECK (number > 0),
  name       text        NOT NULL CHECK (name <> ''),
  checksum   text        NOT NULL CHECK (length(checksum) = 64),
  applied_at timestamptz NOT NULL,
  PRIMARY KEY (family, number)
);
