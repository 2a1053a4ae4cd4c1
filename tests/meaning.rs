//! What the words mean, as rules and tests of a small pack: each decision that two good readers could take otherwise.

use std::process::Command;

#[test]
fn the_words_mean_what_they_should() {
    let output = Command::new(env!("CARGO_BIN_EXE_bylaws"))
        .args(["test", "tests/meaning"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NO_COLOR", "1")
        .output()
        .expect("bylaws runs");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}");
}
