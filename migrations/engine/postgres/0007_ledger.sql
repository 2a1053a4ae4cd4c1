-- What was said and decided, in a chain: the hash of a row is made of the row and of the hash before it.

CREATE TABLE bylaws_ledger (
  seq         bigint PRIMARY KEY CHECK (seq > 0),
  at          text   COLLATE "C" NOT NULL CHECK (at ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}.*Z$'),
  recorded_at text   COLLATE "C" NOT NULL CHECK (recorded_at ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}.*Z$'),
  kind        text   NOT NULL CHECK (kind <> ''),
  rule        text   NOT NULL,
  key         text   NOT NULL CHECK (key::json IS NOT NULL),
  body        text   NOT NULL CHECK (body::json IS NOT NULL),
  previous    text   NOT NULL CHECK (length(previous) = 64),
  hash        text   NOT NULL CHECK (length(hash) = 64)
);
CREATE INDEX bylaws_ledger_by_rule ON bylaws_ledger (rule, key, seq);

-- The words of rules, of what they use and of the house, once for each revision. The revision is their hash.
CREATE TABLE bylaws_revisions (
  revision text NOT NULL PRIMARY KEY CHECK (length(revision) = 64),
  house    text NOT NULL,
  rules    text NOT NULL
);

-- Rows up to this one may be deleted, while the one transaction that prunes them lasts. Otherwise it is 0.
CREATE TABLE bylaws_ledger_guard (
  id       bigint PRIMARY KEY CHECK (id = 1),
  prune_to bigint NOT NULL CHECK (prune_to >= 0)
);
INSERT INTO bylaws_ledger_guard (id, prune_to) VALUES (1, 0);

CREATE FUNCTION bylaws_ledger_guarded() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $body$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    RAISE EXCEPTION 'the ledger is never changed, only continued';
  ELSIF TG_OP = 'INSERT' THEN
    IF NEW.seq <= (SELECT coalesce(max(seq), 0) FROM bylaws_ledger) THEN
      RAISE EXCEPTION 'the ledger is only continued at its end' USING ERRCODE = 'unique_violation', TABLE = 'bylaws_ledger';
    END IF;
    RETURN NEW;
  ELSIF TG_OP = 'DELETE' AND OLD.seq <= (SELECT prune_to FROM bylaws_ledger_guard) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'rows leave the ledger only by `bylaws ledger prune`';
END $body$;
CREATE TRIGGER bylaws_ledger_only_appended BEFORE INSERT OR UPDATE OR DELETE ON bylaws_ledger
  FOR EACH ROW EXECUTE FUNCTION bylaws_ledger_guarded();
CREATE TRIGGER bylaws_ledger_no_truncate BEFORE TRUNCATE ON bylaws_ledger
  FOR EACH STATEMENT EXECUTE FUNCTION bylaws_ledger_guarded();

CREATE FUNCTION bylaws_revisions_guarded() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  RAISE EXCEPTION 'the words of a revision are never changed';
END $body$;
CREATE TRIGGER bylaws_revisions_no_update BEFORE UPDATE ON bylaws_revisions
  FOR EACH ROW EXECUTE FUNCTION bylaws_revisions_guarded();
