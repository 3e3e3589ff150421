#!/usr/bin/env bash
# Checks and measures on this GPU machine (bench/gpu/run.py); arguments go there. With "network" before them it is the
# network path that is measured (bench/network/run.py). With --unpack it only unpacks the programs into bin/.
set -euo pipefail
bundle=$(cd "$(dirname "$0")" && pwd)
if [ ! -d "$bundle/bin" ] || [ "$bundle/bin.tar.gz" -nt "$bundle/bin" ]; then
  work=$(mktemp -d "$bundle/unpack.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  tar -C "$work" -xzf "$bundle/bin.tar.gz"
  rm -rf "$bundle/bin"
  mv "$work/bin" "$bundle/bin"
  touch "$bundle/bin"
  rm -rf "$work"
  trap - EXIT
fi
[ "${1:-}" != --unpack ] || exit 0
bench=gpu
if [ "${1:-}" = network ]; then
  bench=network
  shift
fi
exec python3 "$bundle/bench/$bench/run.py" "$@"
