-- Conflicts and risks, and the proposals that answer them.
-- Ids and words are lower-case text, money is whole cents, shares are percents (70 is 70%), hours are numbers,
-- yes and no are 1 and 0, a date is YYYY-MM-DD, a moment is YYYY-MM-DDTHH:MM:SSZ in UTC.

-- What two ventures could not both have.
CREATE TABLE resource_conflicts (
  id          TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
  resource_id TEXT    REFERENCES resources (id),
  kind        TEXT    NOT NULL CHECK (kind IN ('talent', 'budget', 'infrastructure', 'strategic')),
  status      TEXT    NOT NULL CHECK (status IN ('detected', 'proposed', 'resolved')),
  booked      NUMERIC,
  detected_at TEXT    NOT NULL CHECK (detected_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  resolved_at TEXT    CHECK (resolved_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z'),
  note        TEXT,
  CHECK (kind = 'strategic' OR resource_id IS NOT NULL),
  CHECK (status <> 'resolved' OR resolved_at IS NOT NULL)
);
CREATE INDEX resource_conflicts_by_resource_id ON resource_conflicts (resource_id);
CREATE INDEX resource_conflicts_by_detected_at ON resource_conflicts (detected_at);

-- Proposed ways out of a conflict; the shift in percent, the cost in cents a month.
CREATE TABLE resolutions (
  id           TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
  resource_id  TEXT    NOT NULL REFERENCES resources (id),
  approach     TEXT    NOT NULL CHECK (approach IN ('ranking', 'expansion', 'time_sharing', 'merge', 'sunset')),
  shift        NUMERIC NOT NULL CHECK (shift BETWEEN 0 AND 100),
  cost         INTEGER CHECK (cost >= 0),
  trade_offs   TEXT,
  alternatives TEXT
);
CREATE INDEX resolutions_by_resource_id ON resolutions (resource_id);

-- Proposed ways to make ventures less dependent on each other.
CREATE TABLE decouplings (
  id         TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
  venture_id TEXT    NOT NULL REFERENCES ventures (id),
  approach   TEXT    NOT NULL CHECK (approach IN ('duplicate', 'merge', 'shared_service')),
  cost       INTEGER CHECK (cost >= 0),
  rationale  TEXT
);
CREATE INDEX decouplings_by_venture_id ON decouplings (venture_id);

-- Strategic choices that were put to the Chairman.
CREATE TABLE trade_offs (
  id          TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
  subject     TEXT    NOT NULL CHECK (subject <> ''),
  gain        TEXT,
  price       TEXT,
  what_if     TEXT,
  proposed_at TEXT    NOT NULL CHECK (proposed_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z')
);
CREATE INDEX trade_offs_by_proposed_at ON trade_offs (proposed_at);
