-- When something was judged last: of a rule that is judged on change this is when it was judged.
ALTER TABLE bylaws_pack ADD COLUMN ticked_at TEXT NOT NULL DEFAULT '1970-01-01T00:00:00.000Z'
  CHECK (ticked_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z');
UPDATE bylaws_pack SET ticked_at = coalesce((SELECT max(judged_at) FROM bylaws_rules), since);
