-- Synergies: opportunities, plans, initiatives with their milestones, and the value they brought.
-- Ids and words are lower-case text, money is whole cents, shares are percents (70 is 70%), hours are numbers,
-- a moment without a zone is meant in UTC.

-- The register of what two ventures could share.
CREATE TABLE synergy_opportunities (
  id                text        NOT NULL PRIMARY KEY CHECK (id <> ''),
  first_venture_id  text        NOT NULL REFERENCES ventures (id),
  second_venture_id text        NOT NULL REFERENCES ventures (id),
  kind              text        NOT NULL CHECK (kind IN ('technology', 'customer', 'team', 'operational')),
  status            text        NOT NULL CHECK (status IN ('identified', 'approved', 'planned', 'launched', 'completed', 'rejected', 'expired')),
  value_potential   numeric     NOT NULL CHECK (value_potential BETWEEN 1 AND 5),
  importance        numeric     NOT NULL CHECK (importance BETWEEN 1 AND 5),
  effort            numeric     NOT NULL CHECK (effort BETWEEN 1 AND 5),
  rationale         text,
  created_at        timestamptz NOT NULL,
  CHECK (first_venture_id <> second_venture_id)
);
CREATE INDEX synergy_opportunities_by_first_venture_id ON synergy_opportunities (first_venture_id);
CREATE INDEX synergy_opportunities_by_second_venture_id ON synergy_opportunities (second_venture_id);
CREATE INDEX synergy_opportunities_by_created_at ON synergy_opportunities (created_at);

-- How an opportunity is to become an initiative; the budget is in cents.
CREATE TABLE portfolio_coordination_plans (
  id             text        NOT NULL PRIMARY KEY CHECK (id <> ''),
  opportunity_id text        NOT NULL REFERENCES synergy_opportunities (id),
  status         text        NOT NULL CHECK (status IN ('draft', 'approved', 'operational', 'suspended', 'closed')),
  title          text        NOT NULL CHECK (title <> ''),
  owner          text        CHECK (owner <> ''),
  budget         bigint      NOT NULL CHECK (budget >= 0),
  expected_value bigint      NOT NULL CHECK (expected_value >= 0),
  success_metric text,
  created_at     timestamptz NOT NULL
);
CREATE INDEX portfolio_coordination_plans_by_opportunity_id ON portfolio_coordination_plans (opportunity_id);
CREATE INDEX portfolio_coordination_plans_by_created_at ON portfolio_coordination_plans (created_at);

-- Launched work; money in cents.
CREATE TABLE synergy_initiatives (
  id                  text        NOT NULL PRIMARY KEY CHECK (id <> ''),
  opportunity_id      text        NOT NULL REFERENCES synergy_opportunities (id),
  first_venture_id    text        NOT NULL REFERENCES ventures (id),
  second_venture_id   text        NOT NULL REFERENCES ventures (id),
  name                text        NOT NULL CHECK (name <> ''),
  owner               text        CHECK (owner <> ''),
  status              text        NOT NULL CHECK (status IN ('approved', 'active', 'paused', 'completed', 'ended')),
  budget              bigint      NOT NULL CHECK (budget >= 0),
  implementation_cost bigint      NOT NULL CHECK (implementation_cost >= 0),
  target_value        bigint      NOT NULL CHECK (target_value >= 0),
  approved_at         timestamptz NOT NULL,
  launched_at         timestamptz,
  completed_at        timestamptz,
  updated_at          timestamptz NOT NULL,
  benefits_measured   boolean     NOT NULL,
  CHECK (first_venture_id <> second_venture_id),
  CHECK (status <> 'completed' OR completed_at IS NOT NULL)
);
CREATE INDEX synergy_initiatives_by_opportunity_id ON synergy_initiatives (opportunity_id);
CREATE INDEX synergy_initiatives_by_first_venture_id ON synergy_initiatives (first_venture_id);
CREATE INDEX synergy_initiatives_by_second_venture_id ON synergy_initiatives (second_venture_id);
CREATE INDEX synergy_initiatives_by_status ON synergy_initiatives (status);

-- What an initiative promised to have done by when.
CREATE TABLE milestones (
  id            text NOT NULL PRIMARY KEY CHECK (id <> ''),
  initiative_id text NOT NULL REFERENCES synergy_initiatives (id),
  title         text NOT NULL CHECK (title <> ''),
  due_on        date NOT NULL,
  done_on       date
);
CREATE INDEX milestones_by_initiative_id ON milestones (initiative_id);
CREATE INDEX milestones_by_due_on ON milestones (due_on);

-- One row an event of captured value; money in cents, a loss is negative.
CREATE TABLE value_capture_log (
  id                text        NOT NULL PRIMARY KEY CHECK (id <> ''),
  initiative_id     text        NOT NULL REFERENCES synergy_initiatives (id),
  kind              text        NOT NULL CHECK (kind IN ('cost_saved', 'time_saved', 'revenue_generated', 'risk_reduced')),
  captured_at       timestamptz NOT NULL,
  cost_saved        bigint      NOT NULL DEFAULT 0,
  revenue_generated bigint      NOT NULL DEFAULT 0,
  risk_reduced      bigint      NOT NULL DEFAULT 0,
  time_saved        numeric     NOT NULL DEFAULT 0,
  note              text
);
CREATE INDEX value_capture_log_by_initiative_id ON value_capture_log (initiative_id);
CREATE INDEX value_capture_log_by_captured_at ON value_capture_log (captured_at);

-- What the tracker said about an initiative, and when it was read.
CREATE TABLE initiative_statuses (
  initiative_id   text        NOT NULL REFERENCES synergy_initiatives (id),
  read_at         timestamptz NOT NULL,
  reported_status text        NOT NULL CHECK (reported_status IN ('approved', 'active', 'paused', 'completed', 'ended')),
  progress        numeric     CHECK (progress BETWEEN 0 AND 100),
  PRIMARY KEY (initiative_id, read_at)
);

-- How far the value events of an initiative have been read, also when there were none.
CREATE TABLE value_capture_readings (
  initiative_id text        NOT NULL REFERENCES synergy_initiatives (id),
  read_at       timestamptz NOT NULL,
  events_found  bigint      NOT NULL CHECK (events_found >= 0),
  PRIMARY KEY (initiative_id, read_at)
);
