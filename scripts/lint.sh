#!/usr/bin/env bash
# Formatting, and which module may include which.
set -uo pipefail
cd "$(dirname "$0")/.."
status=0
git ls-files '*.h' '*.cc' '*.cu' '*.cuh' | xargs clang-format-16 --dry-run -Werror 2>&1 | head -n 40
[ "${PIPESTATUS[1]}" = 0 ] || { echo "lint: run 'make format'"; status=1; }
python3 scripts/check_includes.py || status=1
exit $status
