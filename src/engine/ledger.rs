//! The ledger: what was said and decided, one entry after the other, each with the hash of the one before.
//!
//! Here is what an entry is, how it is hashed and how a chain is audited. Pure; where the entries lie is for the store.

use serde_json::{Value, json};

use crate::digest::sha256;

/// The hash before the first entry.
pub const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What an entry tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Other rules are in force than before.
    Rules,
    /// What becomes of a rule that was edited.
    Edit,
    /// A verdict is another than before.
    Verdict,
    /// What is known of a settled period is another than before; the verdict stands.
    Correction,
    /// Something is to be done, or to be written down.
    Decision,
    /// Where the chain begins, since what came before was taken out.
    Checkpoint,
}

impl Kind {
    /// The word by which it is kept.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Rules => "rules",
            Kind::Edit => "edit",
            Kind::Verdict => "verdict",
            Kind::Correction => "correction",
            Kind::Decision => "decision",
            Kind::Checkpoint => "checkpoint",
        }
    }
}

/// An entry that has no place yet.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What it tells.
    pub kind: Kind,
    /// The rule; empty where it is about none.
    pub rule: String,
    /// The key, part by part.
    pub key: Vec<String>,
    /// All of it.
    pub body: Value,
}

/// An entry of the chain. Every field is kept as the bytes that were hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number, from 1 without a gap.
    pub seq: i64,
    /// The moment that was judged.
    pub at: String,
    /// When it was written down.
    pub recorded_at: String,
    /// What it tells.
    pub kind: String,
    /// The rule; empty where it is about none.
    pub rule: String,
    /// The key as a JSON array.
    pub key: String,
    /// All of it, as canonical JSON.
    pub body: String,
    /// The hash of the entry before.
    pub previous: String,
    /// Its own hash.
    pub hash: String,
}

impl Entry {
    /// The hash that its content has: SHA-256 of a JSON array of texts, with the number first and the body last.
    pub fn digest(&self) -> String {
        let seq = self.seq.to_string();
        let all: [&str; 8] =
            [&seq, &self.at, &self.recorded_at, &self.kind, &self.rule, &self.key, &self.previous, &self.body];
        sha256(&Value::from(all.to_vec()).to_string())
    }

    /// The body, if it reads as JSON.
    pub fn parsed(&self) -> Option<Value> {
        serde_json::from_str(&self.body).ok()
    }

    /// The key, part by part.
    pub fn key_parts(&self) -> Vec<String> {
        serde_json::from_str(&self.key).unwrap_or_default()
    }
}

/// JSON in the one form in which it is kept: names in order, no blanks.
pub fn canonical(value: &Value) -> String {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Object(map) => {
                let mut names: Vec<(&String, &Value)> = map.iter().collect();
                names.sort_unstable_by_key(|(name, _)| name.as_str());
                Value::Object(names.into_iter().map(|(name, value)| (name.clone(), sorted(value))).collect())
            }
            Value::Array(all) => Value::Array(all.iter().map(sorted).collect()),
            plain => plain.clone(),
        }
    }
    sorted(value).to_string()
}

/// Where a chain ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The number of the last entry; 0 of an empty ledger.
    pub seq: i64,
    /// Its hash.
    pub hash: String,
}

impl Default for Head {
    fn default() -> Head {
        Head { seq: 0, hash: BEGINNING.to_owned() }
    }
}

/// Entries that continue a chain.
pub fn continued(head: &Head, drafts: &[Draft], at: &str, recorded_at: &str) -> Vec<Entry> {
    let mut head = head.clone();
    let entries = drafts.iter().map(|draft| {
        let mut entry = Entry {
            seq: head.seq + 1,
            at: at.to_owned(),
            recorded_at: recorded_at.to_owned(),
            kind: draft.kind.word().to_owned(),
            rule: draft.rule.clone(),
            key: json!(draft.key).to_string(),
            body: canonical(&draft.body),
            previous: head.hash.clone(),
            hash: String::new(),
        };
        entry.hash = entry.digest();
        head = Head { seq: entry.seq, hash: entry.hash.clone() };
        entry
    });
    entries.collect()
}

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Audit {
    /// How many entries there are.
    pub count: u64,
    /// The number of the first entry, where there is one.
    pub first: Option<i64>,
    /// Where the chain ends.
    pub head: Head,
    /// What is wrong, each in one sentence.
    pub faults: Vec<String>,
    /// The place of the head that was asked for.
    pub found: Option<i64>,
}

/// Audits a chain, entry by entry in the order of their numbers.
#[derive(Debug, Default)]
pub struct Auditor {
    audit: Audit,
    wanted: Option<String>,
    /// The number and hash that stand before the first entry.
    before: Option<(i64, String)>,
    /// The last entry that says where the chain begins.
    checkpoint: Option<(i64, String)>,
}

impl Auditor {
    /// Begins an audit; a head that was noted earlier must still stand in the chain.
    pub fn new(wanted: Option<&str>) -> Auditor {
        Auditor { wanted: wanted.map(str::to_owned), ..Auditor::default() }
    }

    /// Looks at the next entry.
    pub fn see(&mut self, entry: &Entry) {
        let Entry { seq, hash, previous, .. } = entry;
        let audit = &mut self.audit;
        if audit.first.is_none() {
            audit.first = Some(*seq);
            self.before = Some((seq - 1, previous.clone()));
        } else {
            match seq - audit.head.seq {
                1 if *previous != audit.head.hash => {
                    audit.faults.push(format!("row {seq} does not follow row {}: it was made after another", seq - 1));
                }
                1 => {}
                2 => audit.faults.push(format!("row {} is missing", seq - 1)),
                _ => audit.faults.push(format!("rows {} to {} are missing", audit.head.seq + 1, seq - 1)),
            }
        }
        if entry.digest() != *hash {
            audit.faults.push(format!("row {seq} was changed: its content does not have the hash it bears"));
        }
        if entry.kind == Kind::Checkpoint.word()
            && let Some(body) = entry.parsed()
            && let (Some(to), Some(hash)) = (body["pruned_to"].as_i64(), body["hash"].as_str())
        {
            self.checkpoint = Some((to, hash.to_owned()));
        }
        if self.wanted.as_deref() == Some(hash) {
            audit.found = Some(*seq);
        }
        audit.count += 1;
        audit.head = Head { seq: *seq, hash: hash.clone() };
    }

    /// Ends the audit.
    pub fn finish(mut self) -> Audit {
        let begins = match &self.before {
            None => true,
            Some((0, hash)) => hash == BEGINNING,
            Some(before) => self.checkpoint.as_ref() == Some(before),
        };
        if !begins {
            let first = self.audit.first.unwrap_or_default();
            let what = if first == 1 {
                "row 1 does not begin a chain: the hash before it is not nothing".to_owned()
            } else if first == 2 {
                "row 1 is missing, and no checkpoint says that it was taken out".to_owned()
            } else {
                format!("rows 1 to {} are missing, and no checkpoint says that they were taken out", first - 1)
            };
            self.audit.faults.insert(0, what);
        }
        if let Some(wanted) = &self.wanted
            && self.audit.found.is_none()
        {
            self.audit.faults.push(format!(
                "no row bears the hash {wanted}: rows at the end are missing, or it is the head of another ledger"
            ));
        }
        self.audit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> Vec<Entry> {
        let draft = |n: i64| Draft {
            kind: Kind::Verdict,
            rule: "low".into(),
            key: vec![format!("v{n}")],
            body: json!({"b": n, "a": {"d": 1, "c": [true]}}),
        };
        let drafts: Vec<Draft> = (1..=5).map(draft).collect();
        continued(&Head::default(), &drafts, "2026-03-02T09:00:00.000Z", "2026-03-02T09:00:01.000Z")
    }

    fn audit(entries: &[Entry], head: Option<&str>) -> Audit {
        let mut auditor = Auditor::new(head);
        entries.iter().for_each(|e| auditor.see(e));
        auditor.finish()
    }

    #[test]
    fn a_chain_that_nobody_touched_is_whole() {
        let chain = chain();
        assert_eq!(chain[0].body, r#"{"a":{"c":[true],"d":1},"b":1}"#);
        let told = audit(&chain, Some(&chain[3].hash));
        assert_eq!((told.count, told.first, told.head.seq, told.found), (5, Some(1), 5, Some(4)));
        assert_eq!(told.faults, Vec::<String>::new());
        assert_eq!(audit(&[], None).faults, Vec::<String>::new());
    }

    #[test]
    fn every_changed_field_is_found_and_named() {
        let change: [fn(&mut Entry); 8] = [
            |e| e.at.replace_range(0..1, "3"),
            |e| e.recorded_at.replace_range(0..1, "3"),
            |e| e.kind.push('s'),
            |e| e.rule.push('s'),
            |e| e.key = "[]".into(),
            |e| e.body.push(' '),
            |e| e.previous.replace_range(0..1, "x"),
            |e| e.hash.replace_range(0..1, "x"),
        ];
        for change in change {
            let mut chain = chain();
            change(&mut chain[2]);
            let told = audit(&chain, None).faults;
            assert!(told.iter().any(|f| f.starts_with("row 3 was changed")), "{told:?}");
        }
    }

    #[test]
    fn missing_and_reordered_rows_are_found() {
        let whole = chain();
        let mut chain = whole.clone();
        chain.remove(2);
        assert_eq!(audit(&chain, None).faults, ["row 3 is missing"]);
        let mut chain = whole.clone();
        chain.drain(1..3);
        assert_eq!(audit(&chain, None).faults, ["rows 2 to 3 are missing"]);
        let mut chain = whole.clone();
        chain.swap(1, 2);
        (chain[1].seq, chain[2].seq) = (2, 3);
        let told = audit(&chain, None).faults;
        assert!(told.iter().any(|f| f.starts_with("row 2 was")) && told.iter().any(|f| f.starts_with("row 3 was")));
        let told = audit(&whole[1..], None).faults;
        assert_eq!(told, ["row 1 is missing, and no checkpoint says that it was taken out"]);
        assert_eq!(audit(&whole[..4], None).faults, Vec::<String>::new());
        assert_eq!(audit(&whole[..4], Some(&whole[4].hash)).faults.len(), 1);
    }

    #[test]
    fn a_checkpoint_says_where_the_chain_begins() {
        let mut chain = chain();
        let head = Head { seq: 5, hash: chain[4].hash.clone() };
        let body = json!({"pruned_to": 2, "hash": chain[1].hash});
        let draft = Draft { kind: Kind::Checkpoint, rule: String::new(), key: Vec::new(), body };
        chain.extend(continued(&head, &[draft], "2026-03-03T09:00:00.000Z", "2026-03-03T09:00:00.000Z"));
        assert_eq!(audit(&chain[2..], None).faults, Vec::<String>::new());
        assert_eq!(audit(&chain[3..], None).faults.len(), 1);
    }
}
