-- When something was judged last: of a rule that is judged on change this is when it was judged.
ALTER TABLE bylaws_pack ADD COLUMN ticked_at timestamptz;
UPDATE bylaws_pack SET ticked_at = coalesce((SELECT max(judged_at) FROM bylaws_rules), since);
ALTER TABLE bylaws_pack ALTER COLUMN ticked_at SET NOT NULL;
