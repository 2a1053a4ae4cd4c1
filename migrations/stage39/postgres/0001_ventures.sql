-- Ventures: what they are, how they do, what they are made of, on whom they depend and how they were judged.
-- Ids and words are lower-case text, money is whole cents, shares are percents (70 is 70%), hours are numbers,
-- a moment without a zone is meant in UTC.

-- The companies the portfolio owns.
CREATE TABLE ventures (
  id            text    NOT NULL PRIMARY KEY CHECK (id <> ''),
  name          text    NOT NULL CHECK (name <> ''),
  status        text    NOT NULL CHECK (status IN ('active', 'paused', 'sunset')),
  current_stage numeric NOT NULL CHECK (current_stage BETWEEN 1 AND 40),
  lead          text    NOT NULL CHECK (lead <> '')
);
CREATE INDEX ventures_by_status ON ventures (status);

-- One row a venture and day; money in cents.
CREATE TABLE venture_metrics (
  venture_id      text    NOT NULL REFERENCES ventures (id),
  recorded_at     date    NOT NULL,
  monthly_revenue bigint  NOT NULL CHECK (monthly_revenue >= 0),
  monthly_burn    bigint  NOT NULL CHECK (monthly_burn >= 0),
  user_count      numeric CHECK (user_count >= 0),
  PRIMARY KEY (venture_id, recorded_at)
);
CREATE INDEX venture_metrics_by_recorded_at ON venture_metrics (recorded_at);

-- What a venture is built with.
CREATE TABLE venture_tech_stack (
  venture_id text NOT NULL REFERENCES ventures (id),
  technology text NOT NULL CHECK (technology <> ''),
  PRIMARY KEY (venture_id, technology)
);
CREATE INDEX venture_tech_stack_by_technology ON venture_tech_stack (technology);

-- Whom a venture sells to.
CREATE TABLE venture_markets (
  venture_id text NOT NULL REFERENCES ventures (id),
  segment    text NOT NULL CHECK (segment <> ''),
  PRIMARY KEY (venture_id, segment)
);
CREATE INDEX venture_markets_by_segment ON venture_markets (segment);

-- What a venture's people can do.
CREATE TABLE venture_skills (
  venture_id text NOT NULL REFERENCES ventures (id),
  skill      text NOT NULL CHECK (skill <> ''),
  PRIMARY KEY (venture_id, skill)
);
CREATE INDEX venture_skills_by_skill ON venture_skills (skill);

-- Whom a venture buys from.
CREATE TABLE venture_vendors (
  venture_id text NOT NULL REFERENCES ventures (id),
  vendor     text NOT NULL CHECK (vendor <> ''),
  PRIMARY KEY (venture_id, vendor)
);
CREATE INDEX venture_vendors_by_vendor ON venture_vendors (vendor);

-- Which venture cannot work without which other.
CREATE TABLE venture_dependencies (
  id                     text NOT NULL PRIMARY KEY CHECK (id <> ''),
  venture_id             text NOT NULL REFERENCES ventures (id),
  depends_on_id          text NOT NULL REFERENCES ventures (id),
  dependency_criticality text NOT NULL CHECK (dependency_criticality IN ('low', 'medium', 'high', 'critical')),
  status                 text NOT NULL CHECK (status IN ('active', 'ended')),
  description            text,
  CHECK (venture_id <> depends_on_id)
);
CREATE INDEX venture_dependencies_by_venture_id ON venture_dependencies (venture_id);
CREATE INDEX venture_dependencies_by_depends_on_id ON venture_dependencies (depends_on_id);

-- Scores from 0 to 5, one row a venture and day of assessment.
CREATE TABLE venture_assessments (
  venture_id          text    NOT NULL REFERENCES ventures (id),
  assessed_on         date    NOT NULL,
  strategic_fit       numeric NOT NULL CHECK (strategic_fit BETWEEN 0 AND 5),
  financial_health    numeric NOT NULL CHECK (financial_health BETWEEN 0 AND 5),
  growth_potential    numeric NOT NULL CHECK (growth_potential BETWEEN 0 AND 5),
  resource_efficiency numeric NOT NULL CHECK (resource_efficiency BETWEEN 0 AND 5),
  PRIMARY KEY (venture_id, assessed_on)
);
