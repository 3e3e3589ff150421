#!/usr/bin/env bash
# Configures and builds one preset. Usage: scripts/build.sh <preset> [target …]
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
shift
[ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" >"/dev/null"
cmake --build "build/$preset" -j "${JOBS:-$(nproc)}" ${1:+--target "$@"}
