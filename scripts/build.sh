#!/usr/bin/env bash
# Configures and builds one preset. Usage: scripts/build.sh <preset> [target …]
# KVP2P_CUDA=OFF leaves the CUDA backend out of a build that is not configured yet.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
shift
[ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" ${KVP2P_CUDA:+"-DKVP2P_CUDA=$KVP2P_CUDA"} >/dev/null
cmake --build "build/$preset" -j "${JOBS:-$(nproc)}" ${1:+--target "$@"}
