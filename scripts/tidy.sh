#!/usr/bin/env bash
# clang-tidy over the code, or over the files given. Usage: scripts/tidy.sh [file.cc …]
set -euo pipefail
cd "$(dirname "$0")/.."
cmake --preset asan >/dev/null  # clang's flags, so that clang-tidy understands all of them
scripts/build.sh asan base >/dev/null
if [ $# = 0 ]; then mapfile -t files < <(git ls-files '*.cc' | grep -vE '_(test|fuzz)\.cc$'); else files=("$@"); fi
printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy-16 -p build/asan --quiet --warnings-as-errors='*'
