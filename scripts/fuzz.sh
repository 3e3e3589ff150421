#!/usr/bin/env bash
# Builds and runs every fuzz target. Usage: scripts/fuzz.sh <seconds each> [<junit file>]
#
# Seeds are kept in tests/fuzz_corpus/<target>; what a run finds beyond them goes to .cache/fuzz/<target>.
set -uo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
junit=${2:-}

mkdir -p build/fuzz
scripts/build.sh asan fuzzers >build/fuzz/build.log 2>&1 || { tail -n 60 build/fuzz/build.log; exit 1; }
mapfile -t targets <build/asan/fuzz_targets.txt

cases=""
failures=0
running=()
names=()

finish() {
  local pid=$1 name=$2
  if wait "$pid"; then
    printf '  %-28s %s s clean, %s\n' "$name" "$seconds" "$(grep -oE 'stat::number_of_executed_units: [0-9]+' "build/fuzz/$name.log" | grep -oE '[0-9]+$') runs"
    cases+="<testcase name=\"$name\" status=\"run\"/>"
  else
    printf '  %-28s FAILED\n' "$name"
    tail -n 40 "build/fuzz/$name.log"
    cases+="<testcase name=\"$name\"><failure message=\"see build/fuzz/$name.log\"/></testcase>"
    failures=$((failures + 1))
  fi
}

for entry in "${targets[@]}"; do
  [ -n "$entry" ] || continue
  name=$(basename "$entry")
  seeds=tests/fuzz_corpus/$name
  found=.cache/fuzz/$name
  mkdir -p "$found" "$seeds"
  "$entry" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
    -artifact_prefix="build/fuzz/$name-" "$found" "$seeds" >"build/fuzz/$name.log" 2>&1 &
  running+=($!)
  names+=("$name")
  # One a core.
  if [ ${#running[@]} -ge "$(nproc)" ]; then
    finish "${running[0]}" "${names[0]}"
    running=("${running[@]:1}")
    names=("${names[@]:1}")
  fi
done
for i in "${!running[@]}"; do finish "${running[$i]}" "${names[$i]}"; done

[ -z "$junit" ] || echo "<testsuite name=\"fuzz\">$cases</testsuite>" >"$junit"
[ "$failures" = 0 ]
