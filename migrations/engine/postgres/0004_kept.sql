-- The program's own tables that rules may read as contracts `kept by bylaws`.

-- Every time a rule fired.
CREATE TABLE bylaws_firings (
  id              text        NOT NULL PRIMARY KEY CHECK (id <> ''),
  rule            text        NOT NULL CHECK (rule <> ''),
  key             text,
  fired_at        timestamptz NOT NULL,
  first_action_at timestamptz,
  outcome         text        CHECK (outcome <> ''),
  rounds          bigint      NOT NULL DEFAULT 0 CHECK (rounds >= 0),
  overridden      boolean     NOT NULL DEFAULT false,
  judged          text        NOT NULL DEFAULT 'unjudged' CHECK (judged IN ('valid', 'not_actionable', 'unjudged'))
);
CREATE INDEX bylaws_firings_by_rule ON bylaws_firings (rule, key, fired_at);
CREATE INDEX bylaws_firings_by_fired_at ON bylaws_firings (fired_at);

-- Every step a rule took, and whether a person had to take it.
CREATE TABLE bylaws_steps (
  id        text        NOT NULL PRIMARY KEY CHECK (id <> ''),
  firing_id text        REFERENCES bylaws_firings (id),
  rule      text        CHECK (rule <> ''),
  step      text        CHECK (step <> ''),
  class     text        CHECK (class IN ('write', 'proposal', 'question', 'notice', 'outside', 'control')),
  done_at   timestamptz NOT NULL,
  by_person boolean     NOT NULL
);
CREATE INDEX bylaws_steps_by_firing_id ON bylaws_steps (firing_id);
CREATE INDEX bylaws_steps_by_done_at ON bylaws_steps (done_at);

-- Every question that was asked, and the answer once there is one.
CREATE TABLE bylaws_answers (
  id          text        NOT NULL PRIMARY KEY CHECK (id <> ''),
  rule        text        NOT NULL CHECK (rule <> ''),
  key         text,
  role        text        NOT NULL CHECK (role <> ''),
  person      text        CHECK (person <> ''),
  asked_at    timestamptz NOT NULL,
  answer      text        CHECK (answer <> ''),
  answered_at timestamptz
);
CREATE INDEX bylaws_answers_by_rule ON bylaws_answers (rule, key, asked_at);
CREATE INDEX bylaws_answers_by_asked_at ON bylaws_answers (asked_at);

-- The analyst's graph: how many ventures hang together with one.
CREATE TABLE bylaws_dependency_groups (
  venture_id text   NOT NULL PRIMARY KEY CHECK (venture_id <> ''),
  size       bigint NOT NULL CHECK (size >= 0)
);
