-- The program's own tables that rules may read as contracts `kept by bylaws`.

-- Every time a rule fired.
CREATE TABLE bylaws_firings (
  id              TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
  rule            TEXT    NOT NULL CHECK (rule <> ''),
  key             TEXT,
  fired_at        TEXT    NOT NULL CHECK (fired_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  first_action_at TEXT    CHECK (first_action_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  outcome         TEXT    CHECK (outcome <> ''),
  rounds          INTEGER NOT NULL DEFAULT 0 CHECK (rounds >= 0),
  overridden      INTEGER NOT NULL DEFAULT 0 CHECK (overridden IN (0, 1)),
  judged          TEXT    NOT NULL DEFAULT 'unjudged' CHECK (judged IN ('valid', 'not_actionable', 'unjudged'))
);
CREATE INDEX bylaws_firings_by_rule ON bylaws_firings (rule, key, fired_at);
CREATE INDEX bylaws_firings_by_fired_at ON bylaws_firings (fired_at);

-- Every step a rule took, and whether a person had to take it.
CREATE TABLE bylaws_steps (
  id        TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
  firing_id TEXT    REFERENCES bylaws_firings (id),
  rule      TEXT    CHECK (rule <> ''),
  step      TEXT    CHECK (step <> ''),
  class     TEXT    CHECK (class IN ('write', 'proposal', 'question', 'notice', 'outside', 'control')),
  done_at   TEXT    NOT NULL CHECK (done_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  by_person INTEGER NOT NULL CHECK (by_person IN (0, 1))
);
CREATE INDEX bylaws_steps_by_firing_id ON bylaws_steps (firing_id);
CREATE INDEX bylaws_steps_by_done_at ON bylaws_steps (done_at);

-- Every question that was asked, and the answer once there is one.
CREATE TABLE bylaws_answers (
  id          TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
  rule        TEXT NOT NULL CHECK (rule <> ''),
  key         TEXT,
  role        TEXT NOT NULL CHECK (role <> ''),
  person      TEXT CHECK (person <> ''),
  asked_at    TEXT NOT NULL CHECK (asked_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  answer      TEXT CHECK (answer <> ''),
  answered_at TEXT CHECK (answered_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z')
);
CREATE INDEX bylaws_answers_by_rule ON bylaws_answers (rule, key, asked_at);
CREATE INDEX bylaws_answers_by_asked_at ON bylaws_answers (asked_at);

-- The analyst's graph: how many ventures hang together with one.
CREATE TABLE bylaws_dependency_groups (
  venture_id TEXT    NOT NULL PRIMARY KEY CHECK (venture_id <> ''),
  size       INTEGER NOT NULL CHECK (size >= 0)
);
