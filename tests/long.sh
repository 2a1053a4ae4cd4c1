#!/usr/bin/env bash
# What takes too long for every change, run before a release and when tests are added:
#   - every small change of the Stage-39 rules, tried with the tests that could notice it (about half a minute without
#     optimisation on two cores); fails when fewer than 90% are noticed.
#   - fuzzing of parse, check and fmt for FUZZ_SECONDS (an hour unless said, nothing with 0), split over the targets of
#     tests/fuzz; fails with the first text that panics, hangs, runs out of stack or memory, or comes out wrong.
#
# What is found: tests/fuzz/artifacts/TARGET/. Make it small (`cargo +nightly fuzz tmin --fuzz-dir tests/fuzz …`), mend
# the cause, and keep the text in tests/fuzz/found, where every `cargo test` tries it again. An input of the target
# shape is no text itself; with SHOWN=1 it is printed.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TERM_COLOR=never NO_COLOR=1

cargo build --locked
bylaws=${CARGO_TARGET_DIR:-target}/debug/bylaws
"$bylaws" test rules tests/rules --mutate --min-score 90%

seconds=${FUZZ_SECONDS:-3600}
if [ "$seconds" = 0 ]; then
  exit 0
fi
if ! cargo +nightly fuzz --version >/dev/null 2>&1; then
  echo "fuzzing needs cargo-fuzz and a nightly compiler:" >&2
  echo "  rustup toolchain install nightly" >&2
  echo "  cargo install cargo-fuzz" >&2
  echo "or leave it out: FUZZ_SECONDS=0 tests/long.sh" >&2
  exit 1
fi

# The dependencies that are fuzzed are those that are shipped.
cp Cargo.lock tests/fuzz/Cargo.lock
corpus=$PWD/tests/fuzz/corpus
FUZZ_CORPUS=$corpus/seeds cargo test --locked --test found -- --ignored seeds
# No sanitizer: the program has no unsafe code, and without one it runs through some five times as many texts.
fuzz=(--fuzz-dir tests/fuzz --sanitizer none --no-trace-compares --codegen-units 16)
cargo +nightly fuzz build "${fuzz[@]}"

total=0
# Each target with its share of the time in percent, the longest input, and what it begins with.
for plan in "check 35 4096 rules" "form 20 4096 rules" "shape 35 512 tapes" "house 10 2048 houses"; do
  read -r target share longest seeds <<<"$plan"
  mkdir -p "$corpus/$target"
  log=$corpus/$target.log
  words=()
  [ "$target" = shape ] || words=(-dict="$corpus/seeds/words.dict")
  echo "fuzzing $target for $((seconds * share / 100)) seconds"
  if ! cargo +nightly fuzz run "${fuzz[@]}" "$target" "$corpus/$target" "$corpus/seeds/$seeds" -- \
    -max_total_time=$((seconds * share / 100)) -max_len="$longest" -len_control=0 "${words[@]}" \
    -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 >"$log" 2>&1; then
    tail -n 60 "$log" >&2
    echo "$target found something: see above, $log and tests/fuzz/artifacts/$target" >&2
    exit 1
  fi
  executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  reached=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1)
  echo "  $executed texts, $reached"
  total=$((total + executed))
done
echo "$total texts in $seconds seconds, nothing found"
