-- Resources: what is shared, who may use how much of it, and what was used.
-- Ids and words are lower-case text, money is whole cents, shares are percents (70 is 70%), hours are numbers,
-- yes and no are 1 and 0, a date is YYYY-MM-DD, a moment is YYYY-MM-DDTHH:MM:SSZ in UTC.

-- People, budgets and machines that ventures share; the monthly cost is in cents.
CREATE TABLE resources (
  id            TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
  name          TEXT    NOT NULL CHECK (name <> ''),
  kind          TEXT    NOT NULL CHECK (kind IN ('talent', 'budget', 'infrastructure', 'strategic')),
  hours_a_month NUMERIC NOT NULL CHECK (hours_a_month >= 0),
  monthly_cost  INTEGER NOT NULL CHECK (monthly_cost >= 0)
);

-- The allocation matrix: which share of a resource belongs to which venture (70 is 70%).
CREATE TABLE venture_resource_allocations (
  resource_id           TEXT    NOT NULL REFERENCES resources (id),
  venture_id            TEXT    NOT NULL REFERENCES ventures (id),
  allocation_percentage NUMERIC NOT NULL CHECK (allocation_percentage BETWEEN 0 AND 100),
  status                TEXT    NOT NULL CHECK (status IN ('active', 'ended')),
  PRIMARY KEY (resource_id, venture_id)
);
CREATE INDEX venture_resource_allocations_by_venture_id ON venture_resource_allocations (venture_id);

-- Hours and money spent, one row a resource, venture, day and kind of use.
CREATE TABLE venture_resource_usage (
  resource_id  TEXT    NOT NULL REFERENCES resources (id),
  venture_id   TEXT    NOT NULL REFERENCES ventures (id),
  day          TEXT    NOT NULL CHECK (day GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
  kind         TEXT    NOT NULL CHECK (kind IN ('productive', 'duplicate_engineering', 'duplicate_design', 'duplicate_marketing', 'coordination')),
  hours_used   NUMERIC NOT NULL CHECK (hours_used >= 0),
  budget_spent INTEGER NOT NULL CHECK (budget_spent >= 0),
  PRIMARY KEY (resource_id, venture_id, day, kind)
);
CREATE INDEX venture_resource_usage_by_venture_id ON venture_resource_usage (venture_id);
CREATE INDEX venture_resource_usage_by_day ON venture_resource_usage (day);

-- Hours a venture could draw on, one row a resource, venture and day, whatever they were used for.
CREATE TABLE venture_resource_capacity (
  resource_id     TEXT    NOT NULL REFERENCES resources (id),
  venture_id      TEXT    NOT NULL REFERENCES ventures (id),
  day             TEXT    NOT NULL CHECK (day GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
  hours_available NUMERIC NOT NULL CHECK (hours_available >= 0),
  PRIMARY KEY (resource_id, venture_id, day)
);
CREATE INDEX venture_resource_capacity_by_venture_id ON venture_resource_capacity (venture_id);
CREATE INDEX venture_resource_capacity_by_day ON venture_resource_capacity (day);
