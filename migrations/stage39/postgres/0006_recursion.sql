-- Recursion: the PORTFOLIO triggers, their executions and how well they work.
-- Ids and words are lower-case text, money is whole cents, shares are percents (70 is 70%), hours are numbers,
-- a moment without a zone is meant in UTC.

-- The triggers of the PORTFOLIO family as other systems see them.
CREATE TABLE recursion_triggers (
  id          text   NOT NULL PRIMARY KEY CHECK (id <> ''),
  title       text   NOT NULL CHECK (title <> ''),
  mode        text   NOT NULL CHECK (mode IN ('manual', 'assisted', 'auto')),
  depth       bigint NOT NULL CHECK (depth >= 0),
  description text
);

-- One row a firing of such a trigger.
CREATE TABLE recursion_executions (
  id         text        NOT NULL PRIMARY KEY CHECK (id <> ''),
  trigger_id text        NOT NULL REFERENCES recursion_triggers (id),
  subject    text        NOT NULL CHECK (subject <> ''),
  fired_at   timestamptz NOT NULL,
  ended_at   timestamptz,
  iteration  bigint      NOT NULL CHECK (iteration >= 0),
  outcome    text,
  judged     text        NOT NULL CHECK (judged IN ('valid', 'not_actionable', 'unjudged')),
  overridden boolean     NOT NULL
);
CREATE INDEX recursion_executions_by_trigger_id ON recursion_executions (trigger_id);
CREATE INDEX recursion_executions_by_fired_at ON recursion_executions (fired_at);

-- How well such a trigger works, one row a trigger and day; shares in percent.
CREATE TABLE recursion_metrics (
  trigger_id      text    NOT NULL REFERENCES recursion_triggers (id),
  measured_on     date    NOT NULL,
  executions      bigint  NOT NULL CHECK (executions >= 0),
  accuracy        numeric CHECK (accuracy BETWEEN 0 AND 100),
  false_positives numeric CHECK (false_positives BETWEEN 0 AND 100),
  resolved        numeric CHECK (resolved BETWEEN 0 AND 100),
  response_hours  numeric CHECK (response_hours >= 0),
  PRIMARY KEY (trigger_id, measured_on)
);
