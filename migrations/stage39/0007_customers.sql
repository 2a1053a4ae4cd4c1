-- The customer touchpoint (optional): advisory board, case studies, referrals.
-- Ids and words are lower-case text, money is whole cents, shares are percents (70 is 70%), hours are numbers,
-- yes and no are 1 and 0, a date is YYYY-MM-DD, a moment is YYYY-MM-DDTHH:MM:SSZ in UTC.

-- Meetings with customers of several ventures.
CREATE TABLE advisory_board_meetings (
  id                   TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
  held_on              TEXT    NOT NULL CHECK (held_on GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
  customers            INTEGER NOT NULL CHECK (customers >= 0),
  ventures_represented INTEGER NOT NULL CHECK (ventures_represented >= 0),
  feedback             TEXT
);
CREATE INDEX advisory_board_meetings_by_held_on ON advisory_board_meetings (held_on);

-- Success stories that a venture may show to the customers of the others.
CREATE TABLE case_studies (
  id            TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
  initiative_id TEXT    REFERENCES synergy_initiatives (id),
  title         TEXT    NOT NULL CHECK (title <> ''),
  published_on  TEXT    CHECK (published_on GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]')
);
CREATE INDEX case_studies_by_initiative_id ON case_studies (initiative_id);

-- Introductions of a customer of one venture to another.
CREATE TABLE referrals (
  id              TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
  from_venture_id TEXT    NOT NULL REFERENCES ventures (id),
  to_venture_id   TEXT    NOT NULL REFERENCES ventures (id),
  referred_on     TEXT    NOT NULL CHECK (referred_on GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
  status          TEXT    NOT NULL CHECK (status IN ('open', 'won', 'lost')),
  revenue         INTEGER CHECK (revenue >= 0),
  CHECK (from_venture_id <> to_venture_id)
);
CREATE INDEX referrals_by_from_venture_id ON referrals (from_venture_id);
CREATE INDEX referrals_by_to_venture_id ON referrals (to_venture_id);
CREATE INDEX referrals_by_referred_on ON referrals (referred_on);
