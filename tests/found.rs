//! Texts that once stopped the program or came out wrong, and texts that chance makes of the rules: what must hold of
//! every text holds of them. The folder `tests/fuzz` looks for more of them, led by what the program runs through.

#[path = "fuzz/checks.rs"]
mod checks;
#[path = "fuzz/mutate.rs"]
mod mutate;
#[path = "fuzz/seeds.rs"]
mod seeds;

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use bylaws::chance::Chance;

/// No text of normal size takes so long, even where other tests run beside it and nothing is optimised.
const PATIENCE: Duration = Duration::from_secs(30);

/// Checks a text, and says which it was when something does not hold or does not end.
fn holds(name: &str, text: &str) -> Result<(), String> {
    let (done, wait) = mpsc::channel();
    let (named, given) = (name.to_owned(), text.to_owned());
    // The thread has the stack of any test, a fourth of what the program has.
    let thread = std::thread::spawn(move || {
        checks::everything(&named, &given);
        let _ = done.send(());
    });
    match wait.recv_timeout(PATIENCE) {
        Err(mpsc::RecvTimeoutError::Timeout) => Err(format!("{name}: no end after {PATIENCE:?}\n{text}")),
        _ => thread.join().map_err(|why| {
            let why = why.downcast_ref::<String>().cloned();
            format!("{name}: {}\n{text}", why.unwrap_or_else(|| "stopped".to_owned()))
        }),
    }
}

#[test]
fn what_was_found_once_is_never_found_again() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/found");
    let mut wrong = Vec::new();
    for entry in fs::read_dir(&folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        let bytes = fs::read(&path).expect("read");
        wrong.extend(holds(&path.display().to_string(), &String::from_utf8_lossy(&bytes)).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Some of what fuzzing does, with every change: the same texts on every machine.
#[test]
fn texts_changed_by_chance_hold() {
    let (rules, sound, houses, words) = (seeds::rules(), seeds::sound(), seeds::houses(), seeds::words());
    let all = [(rules.len(), 500), (sound.len(), 200), (houses.len(), 5), (words.len(), 200)];
    assert!(all.iter().all(|(found, least)| found > least), "the seeds are not found: {all:?}");
    // More rounds and another seed look further: FOUND_ROUNDS=100000 FOUND_SEED=1 cargo test --release --test found
    let number = |name: &str| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let rounds = number("FOUND_ROUNDS").unwrap_or(if cfg!(debug_assertions) { 300 } else { 3_000 });
    let mut chance = Chance::seeded(number("FOUND_SEED").unwrap_or(39));
    let mut wrong = Vec::new();
    for round in 0..rounds {
        let (end, from) = match round % 20 {
            19 => ("toml", &houses),
            n if n % 2 == 0 => ("bylaw", &sound),
            _ => ("bylaw", &rules),
        };
        let text = &from[chance.draw() as usize % from.len()];
        let text = match round % 4 {
            0 => mutate::varied(text, &mut chance),
            2 => mutate::varied(&mutate::varied(text, &mut chance), &mut chance),
            _ => mutate::mutated(text, &words, &mut chance),
        };
        let name = format!("round-{round}.{end}");
        if let Err(why) = holds(&name, &text) {
            if let Ok(folder) = std::env::var("FOUND_FOLDER") {
                fs::write(Path::new(&folder).join(&name), &text).expect("written");
            }
            wrong.push(why);
        }
    }
    assert!(wrong.is_empty(), "{} texts\n{}", wrong.len(), wrong.join("\n\n"));
}

/// Writes what fuzzing begins with to a folder: `FUZZ_CORPUS=… cargo test --test found -- --ignored seeds`
#[test]
#[ignore = "writes the seeds of tests/long.sh"]
fn seeds_are_written() {
    let Ok(folder) = std::env::var("FUZZ_CORPUS") else { return };
    let folder = Path::new(&folder);
    for (name, texts) in [("rules", seeds::rules()), ("houses", seeds::houses())] {
        fs::create_dir_all(folder.join(name)).expect("made");
        for (i, text) in texts.iter().enumerate() {
            fs::write(folder.join(name).join(format!("seed-{i:04}")), text).expect("written");
        }
    }
    // The target `shape` is led by bytes of chance, not by texts.
    let mut chance = Chance::seeded(39);
    fs::create_dir_all(folder.join("tapes")).expect("made");
    for i in 0..200 {
        let bytes: Vec<u8> = (0..300).map(|_| chance.draw() as u8).collect();
        fs::write(folder.join("tapes").join(format!("seed-{i:04}")), bytes).expect("written");
    }
    let quoted = |word: &String| format!("\"{}\"\n", word.replace('\\', "\\\\").replace('"', "\\\""));
    let words: Vec<String> = seeds::words().iter().filter(|w| w.is_ascii()).map(quoted).collect();
    fs::write(folder.join("words.dict"), words.concat()).expect("written");
}
