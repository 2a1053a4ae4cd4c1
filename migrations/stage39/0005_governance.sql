-- Governance: reviews, playbooks, post-mortems and lessons, parameters and their history.
-- Ids and words are lower-case text, money is whole cents, shares are percents (70 is 70%), hours are numbers,
-- yes and no are 1 and 0, a date is YYYY-MM-DD, a moment is YYYY-MM-DDTHH:MM:SSZ in UTC.

-- Reviews that were called, and the reports and digests that were sent.
CREATE TABLE portfolio_reviews (
  id        TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
  kind      TEXT    NOT NULL CHECK (kind IN ('review', 'report', 'digest')),
  called_at TEXT    NOT NULL CHECK (called_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  held_at   TEXT    CHECK (held_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  summary   TEXT
);
CREATE INDEX portfolio_reviews_by_called_at ON portfolio_reviews (called_at);

-- How decisions are made, who makes them and what happens when nobody does.
CREATE TABLE governance_playbooks (
  id           TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
  title        TEXT    NOT NULL CHECK (title <> ''),
  content      TEXT,
  published_on TEXT    CHECK (published_on GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]')
);

-- Opened by a rollback, closed by people.
CREATE TABLE post_mortems (
  id            TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
  initiative_id TEXT    REFERENCES synergy_initiatives (id),
  subject       TEXT    NOT NULL CHECK (subject <> ''),
  status        TEXT    NOT NULL CHECK (status IN ('open', 'closed')),
  opened_at     TEXT    NOT NULL CHECK (opened_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z')
);
CREATE INDEX post_mortems_by_initiative_id ON post_mortems (initiative_id);

-- What a post-mortem taught; the first one says what the rule saw.
CREATE TABLE lessons (
  id             TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
  post_mortem_id TEXT    NOT NULL REFERENCES post_mortems (id),
  source         TEXT    NOT NULL CHECK (source IN ('rule', 'person')),
  lesson         TEXT    NOT NULL CHECK (lesson <> ''),
  recorded_at    TEXT    NOT NULL CHECK (recorded_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z')
);
CREATE INDEX lessons_by_post_mortem_id ON lessons (post_mortem_id);

-- A mirror of the parameters in force; the rule files are the truth.
CREATE TABLE portfolio_coordination_config (
  parameter     TEXT    NOT NULL PRIMARY KEY CHECK (parameter <> ''),
  value         TEXT    NOT NULL CHECK (value <> ''),
  default_value TEXT    NOT NULL CHECK (default_value <> ''),
  unit          TEXT,
  category      TEXT,
  description   TEXT,
  changed_at    TEXT    CHECK (changed_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  changed_by    TEXT
);

-- Every change of a parameter: who, when, old, new and why.
CREATE TABLE portfolio_coordination_config_history (
  id         TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
  parameter  TEXT    NOT NULL REFERENCES portfolio_coordination_config (parameter),
  changed_at TEXT    NOT NULL CHECK (changed_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  changed_by TEXT    NOT NULL CHECK (changed_by <> ''),
  old_value  TEXT,
  new_value  TEXT    NOT NULL CHECK (new_value <> ''),
  reason     TEXT    NOT NULL CHECK (reason <> '')
);
CREATE INDEX portfolio_coordination_config_history_by_parameter ON portfolio_coordination_config_history (parameter);
CREATE INDEX portfolio_coordination_config_history_by_changed_at ON portfolio_coordination_config_history (changed_at);
