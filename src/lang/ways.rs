//! The ways along references from one row to another.

use super::expr::{ContractId, Hop, PairsId, Relation};
use super::item::contract::Contract;
use super::item::pairs::{self, Pairs};

/// References may be followed this far.
pub const MAX_HOPS: usize = 3;
/// Packs whose contracts refer to each other all over would explode here.
pub(crate) const MAX_WAYS: usize = 2_000;

/// One step along a reference, what it is called and where it leads.
pub type Reference = (Hop, String, Relation);

/// What has contracts and pairs whose rows refer to each other: a checked pack, and one that is being checked.
pub trait Ways {
    /// A contract.
    fn contract_of(&self, id: ContractId) -> &Contract;
    /// A pairs block; nothing while it is not sound.
    fn pairs_of(&self, id: PairsId) -> Option<&Pairs>;

    /// The word for one row.
    fn word_of(&self, relation: Relation) -> &str {
        match relation {
            Relation::Contract(id) => self.contract_of(id).row_word(),
            Relation::Pairs(id) => self.pairs_of(id).map_or("pair", |p| &p.noun),
        }
    }

    /// The column of a name.
    fn column(&self, of: Relation, name: &str) -> Option<u32> {
        match of {
            Relation::Contract(id) => self.contract_of(id).column(name),
            Relation::Pairs(_) => pairs::COLUMNS.iter().position(|c| *c == name).map(|i| i as u32),
        }
    }

    /// References that lead away from a relation.
    fn references(&self, from: Relation) -> Vec<Reference> {
        match from {
            Relation::Contract(id) => {
                let contract = self.contract_of(id);
                let columns = contract.columns.iter().enumerate().filter_map(|(i, c)| {
                    Some((Hop::Column(i as u32), c.reference()?.to_owned(), Relation::Contract(c.refers?)))
                });
                let links = contract.links.iter().enumerate().map(|(i, link)| {
                    let relation = Relation::Pairs(link.pairs);
                    (Hop::Link(i as u32), self.word_of(relation).to_owned(), relation)
                });
                columns.chain(links).collect()
            }
            Relation::Pairs(id) => match self.pairs_of(id) {
                Some(pairs) => {
                    let of = Relation::Contract(pairs.of);
                    vec![(Hop::Column(0), "first".into(), of), (Hop::Column(1), "second".into(), of)]
                }
                None => Vec::new(),
            },
        }
    }

    /// Every way from one relation to another with the words for it, shortest first, at most [`MAX_HOPS`] long.
    fn paths(&self, from: Relation, to: Relation) -> Vec<(Vec<Hop>, Vec<String>)> {
        let mut found = Vec::new();
        if from == to {
            found.push((Vec::new(), Vec::new()));
        }
        let mut open = vec![(Vec::new(), Vec::new(), from)];
        for _ in 0..MAX_HOPS {
            let mut next = Vec::new();
            for (hops, words, at) in &open {
                for (hop, word, reached) in self.references(*at) {
                    let mut hops: Vec<Hop> = hops.clone();
                    let mut words: Vec<String> = words.clone();
                    hops.push(hop);
                    words.push(word);
                    if reached == to {
                        found.push((hops.clone(), words.clone()));
                    }
                    next.push((hops, words, reached));
                }
            }
            next.truncate(MAX_WAYS);
            open = next;
        }
        found
    }

    /// The one shortest way, if there is one; else the words of the several.
    fn shortest(&self, from: Relation, to: Relation) -> Result<Vec<Hop>, Vec<Vec<String>>> {
        let all = self.paths(from, to);
        let least = all.iter().map(|p| p.0.len()).min();
        let mut shortest = all.into_iter().filter(|p| Some(p.0.len()) == least);
        match (shortest.next(), shortest.next()) {
            (Some((hops, _)), None) => Ok(hops),
            (Some(a), Some(b)) => Err([a, b].into_iter().chain(shortest).map(|p| p.1).collect()),
            _ => Err(Vec::new()),
        }
    }
}
