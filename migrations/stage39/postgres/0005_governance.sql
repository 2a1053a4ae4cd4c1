-- Governance: reviews, playbooks, post-mortems and lessons, parameters and their history.
-- Ids and words are lower-case text, money is whole cents, shares are percents (70 is 70%), hours are numbers,
-- a moment without a zone is meant in UTC.

-- Reviews that were called, and the reports and digests that were sent.
CREATE TABLE portfolio_reviews (
  id        text        NOT NULL PRIMARY KEY CHECK (id <> ''),
  kind      text        NOT NULL CHECK (kind IN ('review', 'report', 'digest')),
  called_at timestamptz NOT NULL,
  held_at   timestamptz,
  summary   text
);
CREATE INDEX portfolio_reviews_by_called_at ON portfolio_reviews (called_at);

-- How decisions are made, who makes them and what happens when nobody does.
CREATE TABLE governance_playbooks (
  id           text NOT NULL PRIMARY KEY CHECK (id <> ''),
  title        text NOT NULL CHECK (title <> ''),
  content      text,
  published_on date
);

-- Opened by a rollback, closed by people.
CREATE TABLE post_mortems (
  id            text        NOT NULL PRIMARY KEY CHECK (id <> ''),
  initiative_id text        REFERENCES synergy_initiatives (id),
  subject       text        NOT NULL CHECK (subject <> ''),
  status        text        NOT NULL CHECK (status IN ('open', 'closed')),
  opened_at     timestamptz NOT NULL
);
CREATE INDEX post_mortems_by_initiative_id ON post_mortems (initiative_id);

-- What a post-mortem taught; the first one says what the rule saw.
CREATE TABLE lessons (
  id             text        NOT NULL PRIMARY KEY CHECK (id <> ''),
  post_mortem_id text        NOT NULL REFERENCES post_mortems (id),
  source         text        NOT NULL CHECK (source IN ('rule', 'person')),
  lesson         text        NOT NULL CHECK (lesson <> ''),
  recorded_at    timestamptz NOT NULL
);
CREATE INDEX lessons_by_post_mortem_id ON lessons (post_mortem_id);

-- A mirror of the parameters in force; the rule files are the truth.
CREATE TABLE portfolio_coordination_config (
  parameter     text        NOT NULL PRIMARY KEY CHECK (parameter <> ''),
  value         text        NOT NULL CHECK (value <> ''),
  default_value text        NOT NULL CHECK (default_value <> ''),
  unit          text,
  category      text,
  description   text,
  changed_at    timestamptz,
  changed_by    text
);

-- Every change of a parameter: who, when, old, new and why.
CREATE TABLE portfolio_coordination_config_history (
  id         text        NOT NULL PRIMARY KEY CHECK (id <> ''),
  parameter  text        NOT NULL REFERENCES portfolio_coordination_config (parameter),
  changed_at timestamptz NOT NULL,
  changed_by text        NOT NULL CHECK (changed_by <> ''),
  old_value  text,
  new_value  text        NOT NULL CHECK (new_value <> ''),
  reason     text        NOT NULL CHECK (reason <> '')
);
CREATE INDEX portfolio_coordination_config_history_by_parameter ON portfolio_coordination_config_history (parameter);
CREATE INDEX portfolio_coordination_config_history_by_changed_at ON portfolio_coordination_config_history (changed_at);
