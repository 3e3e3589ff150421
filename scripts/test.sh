#!/usr/bin/env bash
# Runs the tests. Usage: scripts/test.sh all|release|asan|tsan|fuzz|lint
#
# Each part writes a JUnit file; the summary at the end adds them up and names what was not run and why. A test that
# cannot run here prints "not run: <reason>" and exits with 77. With CI set, one that did not run counts as failed.
set -uo pipefail
cd "$(dirname "$0")/.."
part=${1:-all}
results=build/test-results
rm -rf "$results"
mkdir -p "$results"
status=0

scripts/setup.sh || exit 1

heading() { printf '\n=== %s (%s)\n' "$1" "$(date +%T)"; }

# Runs ctest in a built preset; the arguments after the preset go to ctest.
run_ctest() {
  local preset=$1
  shift
  ctest --test-dir "build/$preset" --output-on-failure --no-tests=error --output-junit "$PWD/$results/$preset.xml" "$@" ||
    status=1
}

build() { scripts/build.sh "$@" >"build/build.log" 2>&1 || { tail -n 60 build/build.log; echo "build of $1 failed"; exit 1; }; }

run_lint() {
  heading "lint"
  scripts/lint.sh || status=1
}

run_release() {
  heading "release: unit, soak, end to end, interop, model"
  build release
  scripts/model/fetch_model.sh || status=1
  run_ctest release -j 2
}

run_asan() {
  heading "asan: unit tests under address and undefined sanitizers"
  build asan unit_tests
  run_ctest asan -L unit -j 2
}

run_tsan() {
  heading "tsan: threaded modules under the thread sanitizer"
  build tsan threaded_tests
  run_ctest tsan -L threaded -j 2
}

run_fuzz() {
  heading "fuzz: every target for 10 s on the kept corpus"
  scripts/fuzz.sh 10 "$results/fuzz.xml" || status=1
}

case $part in
  all) run_lint; run_release; run_asan; run_fuzz; run_tsan ;;
  release) run_release ;;
  asan) run_asan ;;
  tsan) run_tsan ;;
  fuzz) run_fuzz ;;
  lint) run_lint ;;
  *) echo "usage: scripts/test.sh all|release|asan|tsan|fuzz|lint" >&2; exit 2 ;;
esac

python3 scripts/summarise_tests.py "$results" || status=1
exit $status
