#!/usr/bin/env bash
# Runs the benchmarks on this machine.
set -euo pipefail
cd "$(dirname "$0")/.."
model=.cache/models/smollm2-135m
for name in noise_stream_bench secure_stream_bench yamux_bench; do
  if [ -x "build/release/bench/$name" ]; then
    echo "== $name"
    "build/release/bench/$name"
  fi
done
echo "== recompute_bench"
build/release/bench/recompute_bench --model="$model" --token-file="$model/tokens.txt"
