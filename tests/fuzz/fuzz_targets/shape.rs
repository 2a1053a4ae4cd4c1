//! Text of the shape that the grammar has, and sound rules a little changed, chosen by the bytes: whatever compiles and
//! whatever nearly does.
//!
//! `SHOWN=1` prints the text of each input, so that what was found can be kept as a text.
#![no_main]

#[path = "../checks.rs"]
#[allow(dead_code)]
mod checks;
#[path = "../mutate.rs"]
mod mutate;
#[path = "../seeds.rs"]
#[allow(dead_code)]
mod seeds;
#[path = "../stack.rs"]
mod stack;
#[path = "../walk.rs"]
mod walk;

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: stack::guarded(), |tape: &[u8]| {
    let text = walk::text(tape);
    if std::env::var_os("SHOWN").is_some() {
        eprint!("{text}");
    }
    checks::check(&text);
    checks::form(&text);
});
