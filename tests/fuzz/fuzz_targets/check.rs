//! Any text: parse, names, types, lints, every finding drawn; what compiles reads back from its canonical words.
#![no_main]

#[path = "../checks.rs"]
#[allow(dead_code)]
mod checks;
#[path = "../mutate.rs"]
#[allow(dead_code)]
mod mutate;
#[path = "../seeds.rs"]
#[allow(dead_code)]
mod seeds;
#[path = "../stack.rs"]
mod stack;
#[path = "../words.rs"]
mod words;

use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_target!(init: stack::guarded(), |text: &[u8]| checks::check(&String::from_utf8_lossy(text)));
fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| { words::or_bytes(data, size, most, seed) });
