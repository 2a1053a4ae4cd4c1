-- Synergies: opportunities, plans, initiatives with their milestones, and the value they brought.
-- Ids and words are lower-case text, money is whole cents, shares are percents (70 is 70%), hours are numbers,
-- yes and no are 1 and 0, a date is YYYY-MM-DD, a moment is YYYY-MM-DDTHH:MM:SSZ in UTC.

-- The register of what two ventures could share.
CREATE TABLE synergy_opportunities (
  id                TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
  first_venture_id  TEXT    NOT NULL REFERENCES ventures (id),
  second_venture_id TEXT    NOT NULL REFERENCES ventures (id),
  kind              TEXT    NOT NULL CHECK (kind IN ('technology', 'customer', 'team', 'operational')),
  status            TEXT    NOT NULL CHECK (status IN ('identified', 'approved', 'planned', 'launched', 'completed', 'rejected', 'expired')),
  value_potential   NUMERIC NOT NULL CHECK (value_potential BETWEEN 1 AND 5),
  importance        NUMERIC NOT NULL CHECK (importance BETWEEN 1 AND 5),
  effort            NUMERIC NOT NULL CHECK (effort BETWEEN 1 AND 5),
  rationale         TEXT,
  created_at        TEXT    NOT NULL CHECK (created_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  CHECK (first_venture_id <> second_venture_id)
);
CREATE INDEX synergy_opportunities_by_first_venture_id ON synergy_opportunities (first_venture_id);
CREATE INDEX synergy_opportunities_by_second_venture_id ON synergy_opportunities (second_venture_id);
CREATE INDEX synergy_opportunities_by_created_at ON synergy_opportunities (created_at);

-- How an opportunity is to become an initiative; the budget is in cents.
CREATE TABLE portfolio_coordination_plans (
  id             TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
  opportunity_id TEXT    NOT NULL REFERENCES synergy_opportunities (id),
  status         TEXT    NOT NULL CHECK (status IN ('draft', 'approved', 'operational', 'suspended', 'closed')),
  title          TEXT    NOT NULL CHECK (title <> ''),
  owner          TEXT    CHECK (owner <> ''),
  budget         INTEGER NOT NULL CHECK (budget >= 0),
  expected_value INTEGER NOT NULL CHECK (expected_value >= 0),
  success_metric TEXT,
  created_at     TEXT    NOT NULL CHECK (created_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z')
);
CREATE INDEX portfolio_coordination_plans_by_opportunity_id ON portfolio_coordination_plans (opportunity_id);
CREATE INDEX portfolio_coordination_plans_by_created_at ON portfolio_coordination_plans (created_at);

-- Launched work; money in cents.
CREATE TABLE synergy_initiatives (
  id                  TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
  opportunity_id      TEXT    NOT NULL REFERENCES synergy_opportunities (id),
  first_venture_id    TEXT    NOT NULL REFERENCES ventures (id),
  second_venture_id   TEXT    NOT NULL REFERENCES ventures (id),
  name                TEXT    NOT NULL CHECK (name <> ''),
  owner               TEXT    CHECK (owner <> ''),
  status              TEXT    NOT NULL CHECK (status IN ('approved', 'active', 'paused', 'completed', 'ended')),
  budget              INTEGER NOT NULL CHECK (budget >= 0),
  implementation_cost INTEGER NOT NULL CHECK (implementation_cost >= 0),
  target_value        INTEGER NOT NULL CHECK (target_value >= 0),
  approved_at         TEXT    NOT NULL CHECK (approved_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  launched_at         TEXT    CHECK (launched_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  completed_at        TEXT    CHECK (completed_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  updated_at          TEXT    NOT NULL CHECK (updated_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  benefits_measured   INTEGER NOT NULL CHECK (benefits_measured IN (0, 1)),
  CHECK (first_venture_id <> second_venture_id),
  CHECK (status <> 'completed' OR completed_at IS NOT NULL)
);
CREATE INDEX synergy_initiatives_by_opportunity_id ON synergy_initiatives (opportunity_id);
CREATE INDEX synergy_initiatives_by_first_venture_id ON synergy_initiatives (first_venture_id);
CREATE INDEX synergy_initiatives_by_second_venture_id ON synergy_initiatives (second_venture_id);
CREATE INDEX synergy_initiatives_by_status ON synergy_initiatives (status);

-- What an initiative promised to have done by when.
CREATE TABLE milestones (
  id            TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
  initiative_id TEXT    NOT NULL REFERENCES synergy_initiatives (id),
  title         TEXT    NOT NULL CHECK (title <> ''),
  due_on        TEXT    NOT NULL CHECK (due_on GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
  done_on       TEXT    CHECK (done_on GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]')
);
CREATE INDEX milestones_by_initiative_id ON milestones (initiative_id);
CREATE INDEX milestones_by_due_on ON milestones (due_on);

-- One row an event of captured value; money in cents, a loss is negative.
CREATE TABLE value_capture_log (
  id                TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
  initiative_id     TEXT    NOT NULL REFERENCES synergy_initiatives (id),
  kind              TEXT    NOT NULL CHECK (kind IN ('cost_saved', 'time_saved', 'revenue_generated', 'risk_reduced')),
  captured_at       TEXT    NOT NULL CHECK (captured_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  cost_saved        INTEGER NOT NULL DEFAULT 0,
  revenue_generated INTEGER NOT NULL DEFAULT 0,
  risk_reduced      INTEGER NOT NULL DEFAULT 0,
  time_saved        NUMERIC NOT NULL DEFAULT 0,
  note              TEXT
);
CREATE INDEX value_capture_log_by_initiative_id ON value_capture_log (initiative_id);
CREATE INDEX value_capture_log_by_captured_at ON value_capture_log (captured_at);

-- What the tracker said about an initiative, and when it was read.
CREATE TABLE initiative_statuses (
  initiative_id   TEXT    NOT NULL REFERENCES synergy_initiatives (id),
  read_at         TEXT    NOT NULL CHECK (read_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  reported_status TEXT    NOT NULL CHECK (reported_status IN ('approved', 'active', 'paused', 'completed', 'ended')),
  progress        NUMERIC CHECK (progress BETWEEN 0 AND 100),
  PRIMARY KEY (initiative_id, read_at)
);

-- How far the value events of an initiative have been read, also when there were none.
CREATE TABLE value_capture_readings (
  initiative_id TEXT    NOT NULL REFERENCES synergy_initiatives (id),
  read_at       TEXT    NOT NULL CHECK (read_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  events_found  INTEGER NOT NULL CHECK (events_found >= 0),
  PRIMARY KEY (initiative_id, read_at)
);
