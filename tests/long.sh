#!/usr/bin/env bash
# What takes too long for every change, run before a release and when tests are added:
#   - every small change of the Stage-39 rules, tried with the tests that could notice it (about half a minute without
#     optimisation on two cores); fails when fewer than 90% are noticed.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TERM_COLOR=never NO_COLOR=1

cargo build --locked
bylaws=${CARGO_TARGET_DIR:-target}/debug/bylaws
"$bylaws" test rules tests/rules --mutate --min-score 90%
