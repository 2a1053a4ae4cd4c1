-- Resources: what is shared, who may use how much of it, and what was used.
-- Ids and words are lower-case text, money is whole cents, shares are percents (70 is 70%), hours are numbers,
-- a moment without a zone is meant in UTC.

-- People, budgets and machines that ventures share; the monthly cost is in cents.
CREATE TABLE resources (
  id            text    NOT NULL PRIMARY KEY CHECK (id <> ''),
  name          text    NOT NULL CHECK (name <> ''),
  kind          text    NOT NULL CHECK (kind IN ('talent', 'budget', 'infrastructure', 'strategic')),
  hours_a_month numeric NOT NULL CHECK (hours_a_month >= 0),
  monthly_cost  bigint  NOT NULL CHECK (monthly_cost >= 0)
);

-- The allocation matrix: which share of a resource belongs to which venture (70 is 70%).
CREATE TABLE venture_resource_allocations (
  resource_id           text    NOT NULL REFERENCES resources (id),
  venture_id            text    NOT NULL REFERENCES ventures (id),
  allocation_percentage numeric NOT NULL CHECK (allocation_percentage BETWEEN 0 AND 100),
  status                text    NOT NULL CHECK (status IN ('active', 'ended')),
  PRIMARY KEY (resource_id, venture_id)
);
CREATE INDEX venture_resource_allocations_by_venture_id ON venture_resource_allocations (venture_id);

-- Hours and money spent, one row a resource, venture, day and kind of use.
CREATE TABLE venture_resource_usage (
  resource_id  text    NOT NULL REFERENCES resources (id),
  venture_id   text    NOT NULL REFERENCES ventures (id),
  day          date    NOT NULL,
  kind         text    NOT NULL CHECK (kind IN ('productive', 'duplicate_engineering', 'duplicate_design', 'duplicate_marketing', 'coordination')),
  hours_used   numeric NOT NULL CHECK (hours_used >= 0),
  budget_spent bigint  NOT NULL CHECK (budget_spent >= 0),
  PRIMARY KEY (resource_id, venture_id, day, kind)
);
CREATE INDEX venture_resource_usage_by_venture_id ON venture_resource_usage (venture_id);
CREATE INDEX venture_resource_usage_by_day ON venture_resource_usage (day);

-- Hours a venture could draw on, one row a resource, venture and day, whatever they were used for.
CREATE TABLE venture_resource_capacity (
  resource_id     text    NOT NULL REFERENCES resources (id),
  venture_id      text    NOT NULL REFERENCES ventures (id),
  day             date    NOT NULL,
  hours_available numeric NOT NULL CHECK (hours_available >= 0),
  PRIMARY KEY (resource_id, venture_id, day)
);
CREATE INDEX venture_resource_capacity_by_venture_id ON venture_resource_capacity (venture_id);
CREATE INDEX venture_resource_capacity_by_day ON venture_resource_capacity (day);
