#!/usr/bin/env bash
# contender.sh DB SETID: judges the rules of a workload, as its harness calls contenders.
# BENCH is the folder of the harness (its rules/SETID.json); BENCH_AS_OF the instant, else the end of its data.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
bench=${BENCH:?the folder of the harness}
pack="${TMPDIR:-/tmp}/bylaws-$2.bylaw"
python3 "$here/workload/pack.py" "$bench/rules/$2.json" >"$pack"
program=${EVALUATE:-$(ls -t "$here"/../target/release/deps/evaluate-* | grep -v '\.d$' | head -1)}
exec "$program" "$pack" "$1" "${BENCH_AS_OF:-2026-06-30T00:00:00Z}"
