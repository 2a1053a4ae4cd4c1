-- Conflicts and risks, and the proposals that answer them.
-- Ids and words are lower-case text, money is whole cents, shares are percents (70 is 70%), hours are numbers,
-- a moment without a zone is meant in UTC.

-- What two ventures could not both have.
CREATE TABLE resource_conflicts (
  id          text        NOT NULL PRIMARY KEY CHECK (id <> ''),
  resource_id text        REFERENCES resources (id),
  kind        text        NOT NULL CHECK (kind IN ('talent', 'budget', 'infrastructure', 'strategic')),
  status      text        NOT NULL CHECK (status IN ('detected', 'proposed', 'resolved')),
  booked      numeric,
  detected_at timestamptz NOT NULL,
  resolved_at timestamptz,
  note        text,
  CHECK (kind = 'strategic' OR resource_id IS NOT NULL),
  CHECK (status <> 'resolved' OR resolved_at IS NOT NULL)
);
CREATE INDEX resource_conflicts_by_resource_id ON resource_conflicts (resource_id);
CREATE INDEX resource_conflicts_by_detected_at ON resource_conflicts (detected_at);

-- Proposed ways out of a conflict; the shift in percent, the cost in cents a month.
CREATE TABLE resolutions (
  id           text    NOT NULL PRIMARY KEY CHECK (id <> ''),
  resource_id  text    NOT NULL REFERENCES resources (id),
  approach     text    NOT NULL CHECK (approach IN ('ranking', 'expansion', 'time_sharing', 'merge', 'sunset')),
  shift        numeric NOT NULL CHECK (shift BETWEEN 0 AND 100),
  cost         bigint  CHECK (cost >= 0),
  trade_offs   text,
  alternatives text
);
CREATE INDEX resolutions_by_resource_id ON resolutions (resource_id);

-- Proposed ways to make ventures less dependent on each other.
CREATE TABLE decouplings (
  id         text   NOT NULL PRIMARY KEY CHECK (id <> ''),
  venture_id text   NOT NULL REFERENCES ventures (id),
  approach   text   NOT NULL CHECK (approach IN ('duplicate', 'merge', 'shared_service')),
  cost       bigint CHECK (cost >= 0),
  rationale  text
);
CREATE INDEX decouplings_by_venture_id ON decouplings (venture_id);

-- Strategic choices that were put to the Chairman.
CREATE TABLE trade_offs (
  id          text        NOT NULL PRIMARY KEY CHECK (id <> ''),
  subject     text        NOT NULL CHECK (subject <> ''),
  gain        text,
  price       text,
  what_if     text,
  proposed_at timestamptz NOT NULL
);
CREATE INDEX trade_offs_by_proposed_at ON trade_offs (proposed_at);
