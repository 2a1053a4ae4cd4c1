-- The customer touchpoint (optional): advisory board, case studies, referrals.
-- Ids and words are lower-case text, money is whole cents, shares are percents (70 is 70%), hours are numbers,
-- a moment without a zone is meant in UTC.

-- Meetings with customers of several ventures.
CREATE TABLE advisory_board_meetings (
  id                   text   NOT NULL PRIMARY KEY CHECK (id <> ''),
  held_on              date   NOT NULL,
  customers            bigint NOT NULL CHECK (customers >= 0),
  ventures_represented bigint NOT NULL CHECK (ventures_represented >= 0),
  feedback             text
);
CREATE INDEX advisory_board_meetings_by_held_on ON advisory_board_meetings (held_on);

-- Success stories that a venture may show to the customers of the others.
CREATE TABLE case_studies (
  id            text NOT NULL PRIMARY KEY CHECK (id <> ''),
  initiative_id text REFERENCES synergy_initiatives (id),
  title         text NOT NULL CHECK (title <> ''),
  published_on  date
);
CREATE INDEX case_studies_by_initiative_id ON case_studies (initiative_id);

-- Introductions of a customer of one venture to another.
CREATE TABLE referrals (
  id              text   NOT NULL PRIMARY KEY CHECK (id <> ''),
  from_venture_id text   NOT NULL REFERENCES ventures (id),
  to_venture_id   text   NOT NULL REFERENCES ventures (id),
  referred_on     date   NOT NULL,
  status          text   NOT NULL CHECK (status IN ('open', 'won', 'lost')),
  revenue         bigint CHECK (revenue >= 0),
  CHECK (from_venture_id <> to_venture_id)
);
CREATE INDEX referrals_by_from_venture_id ON referrals (from_venture_id);
CREATE INDEX referrals_by_to_venture_id ON referrals (to_venture_id);
CREATE INDEX referrals_by_referred_on ON referrals (referred_on);
