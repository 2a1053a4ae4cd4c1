#!/bin/sh
# What takes too long for every change: the engine held to the naive interpreter over many packs, rows and clocks.
#
#   tests/long.sh              100,000 cases
#   tests/long.sh 5000 123     so many, from that seed on
#
# A case that differs is made small and printed with its seed: `BYLAWS_SEED=… BYLAWS_CASES=1` finds it again.
# BYLAWS_KEEP_ON=1 goes on and shows the first case of each kind of difference; BYLAWS_TALLY=1 says what was reached.
# 1,000 cases take two minutes in a debug build on one busy core (eight a second), so that a run of 100,000 is for a
# night there; how long they take with --release is to be measured where that build is at hand.
set -eu
cd "$(dirname "$0")/.."
BYLAWS_CASES="${1:-100000}" BYLAWS_SEED="${2:-1}" exec cargo test --release --test three_ways -- --nocapture
