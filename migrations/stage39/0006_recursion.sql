-- Recursion: the PORTFOLIO triggers, their executions and how well they work.
-- Ids and words are lower-case text, money is whole cents, shares are percents (70 is 70%), hours are numbers,
-- yes and no are 1 and 0, a date is YYYY-MM-DD, a moment is YYYY-MM-DDTHH:MM:SSZ in UTC.

-- The triggers of the PORTFOLIO family as other systems see them.
CREATE TABLE recursion_triggers (
  id          TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
  title       TEXT    NOT NULL CHECK (title <> ''),
  mode        TEXT    NOT NULL CHECK (mode IN ('manual', 'assisted', 'auto')),
  depth       INTEGER NOT NULL CHECK (depth >= 0),
  description TEXT
);

-- One row a firing of such a trigger.
CREATE TABLE recursion_executions (
  id         TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
  trigger_id TEXT    NOT NULL REFERENCES recursion_triggers (id),
  subject    TEXT    NOT NULL CHECK (subject <> ''),
  fired_at   TEXT    NOT NULL CHECK (fired_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  ended_at   TEXT    CHECK (ended_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  iteration  INTEGER NOT NULL CHECK (iteration >= 0),
  outcome    TEXT,
  judged     TEXT    NOT NULL CHECK (judged IN ('valid', 'not_actionable', 'unjudged')),
  overridden INTEGER NOT NULL CHECK (overridden IN (0, 1))
);
CREATE INDEX recursion_executions_by_trigger_id ON recursion_executions (trigger_id);
CREATE INDEX recursion_executions_by_fired_at ON recursion_executions (fired_at);

-- How well such a trigger works, one row a trigger and day; shares in percent.
CREATE TABLE recursion_metrics (
  trigger_id      TEXT    NOT NULL REFERENCES recursion_triggers (id),
  measured_on     TEXT    NOT NULL CHECK (measured_on GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
  executions      INTEGER NOT NULL CHECK (executions >= 0),
  accuracy        NUMERIC CHECK (accuracy BETWEEN 0 AND 100),
  false_positives NUMERIC CHECK (false_positives BETWEEN 0 AND 100),
  resolved        NUMERIC CHECK (resolved BETWEEN 0 AND 100),
  response_hours  NUMERIC CHECK (response_hours >= 0),
  PRIMARY KEY (trigger_id, measured_on)
);
