//! Half of the changes are made word by word, the others byte by byte.

use std::sync::OnceLock;

use bylaws::chance::Chance;

use crate::{mutate, seeds};

pub(crate) fn or_bytes(data: &mut [u8], size: usize, most: usize, seed: u32) -> usize {
    static WORDS: OnceLock<Vec<String>> = OnceLock::new();
    let mut chance = Chance::seeded(u64::from(seed));
    if chance.draw().is_multiple_of(2) {
        return libfuzzer_sys::fuzzer_mutate(data, size, most);
    }
    let text = String::from_utf8_lossy(&data[..size]);
    let mut changed = mutate::mutated(&text, WORDS.get_or_init(seeds::words), &mut chance).into_bytes();
    changed.truncate(most);
    data[..changed.len()].copy_from_slice(&changed);
    changed.len()
}
