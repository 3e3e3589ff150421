#!/usr/bin/env bash
# Sees to it that there is a CUDA compiler: one that is installed (12.8 or later), else NVIDIA's PyPI wheels, unpacked
# into .deps/cuda (100 MB to fetch, 270 MB on disk, once), else Debian's nvidia-cuda-toolkit. cmake/Cuda.cmake looks in the
# same places. Quick when there is nothing to do.
#
# Without a compiler CUDA is left out of the build, and this says so; with CI set that is a failure. KVP2P_CUDA=OFF
# leaves it out on purpose.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/as_root.sh
wheels=.deps/cuda
in_wheels=nvidia/cu13/bin/nvcc
failed=.deps/cuda-failed

[ "${KVP2P_CUDA:-ON}" != OFF ] || exit 0
[ ! -x "$wheels/$in_wheels" ] || exit 0

# compiles <nvcc>: whether it makes code for the GPUs that we build for.
compiles() {
  local folder status=0
  folder=$(mktemp -d)
  echo '__global__ void k(int* p) { *p = 1; } int main() { k<<<1, 1>>>(nullptr); return 0; }' >"$folder/k.cu"
  "$1" -std=c++17 -cudart=static -gencode=arch=compute_80,code=sm_80 -gencode=arch=compute_90,code=[sm_90,compute_90] \
    -o "$folder/k" "$folder/k.cu" >"$folder/log" 2>&1 || { status=1; tail -n 5 "$folder/log" >&2; }
  rm -rf "$folder"
  return $status
}

version_of() { "$1" --version 2>/dev/null | sed -n 's/.*release \([0-9]*\.[0-9]*\).*/\1/p'; }
at_least() { printf '%s\n%s\n' "$1" "$2" | sort -V -C; }

for nvcc in "${CUDA_HOME:+$CUDA_HOME/bin/nvcc}" /usr/local/cuda/bin/nvcc "$(command -v nvcc || true)"; do
  if [ -n "$nvcc" ] && [ -x "$nvcc" ] && at_least 12.8 "$(version_of "$nvcc")"; then exit 0; fi
done

# Debian's is older and was chosen before, when the wheels could not be had.
[ ! -f .deps/cuda-from-debian ] || ! command -v nvcc >/dev/null || exit 0

give_up() {
  mkdir -p .deps
  touch "$failed"
  echo "setup: no CUDA compiler: $1" >&2
  if [ -n "${CI:-}" ]; then exit 1; fi
  echo "setup: going on without CUDA: kernels are not compiled and gpu-demo uses host memory" >&2
  exit 0
}
# Not again at every command, where it has just failed.
if [ -z "${CI:-}" ] && [ -n "$(find "$failed" -mmin -60 2>/dev/null)" ]; then
  echo "setup: without CUDA (installing it failed within the last hour; to try again: rm $failed)" >&2
  exit 0
fi

# install_wheels: into a folder of its own, moved into place when it works, so that it can be broken off at any time.
install_wheels() {
  [ "$(uname -sm)" = "Linux x86_64" ] || { echo "setup: the CUDA wheels are for Linux on x86-64" >&2; return 1; }
  echo "setup: fetching NVIDIA's CUDA compiler from PyPI into $wheels (100 MB)"
  mkdir -p .deps
  find .deps -maxdepth 1 -name 'cuda-new.*' -mmin +60 -exec rm -rf {} +  # of runs that were killed
  work=$(mktemp -d .deps/cuda-new.XXXXXX)
  trap 'rm -rf "$work"' EXIT
  python3 -m venv "$work/venv" || return 1
  "$work/venv/bin/pip" install -q --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    --retries 2 --timeout 30 --target "$work/cuda" -r scripts/cuda_requirements.txt || return 1
  chmod +x "$work"/cuda/nvidia/cu13/bin/* "$work"/cuda/nvidia/cu13/nvvm/bin/*
  ln -sfn lib "$work/cuda/nvidia/cu13/lib64"  # where nvcc looks for the static runtime
  compiles "$work/cuda/$in_wheels" || { echo "setup: the wheels hold no compiler that works here" >&2; return 1; }
  # Another run may have been faster: then its result is kept. What holds no compiler is no result.
  chmod 755 "$work/cuda"
  [ -x "$wheels/$in_wheels" ] || rm -rf "$wheels"
  mv -T "$work/cuda" "$wheels" 2>/dev/null || [ -x "$wheels/$in_wheels" ]
}

# install_debian: nvidia-cuda-toolkit, where the component non-free is enabled.
install_debian() {
  apt-cache policy nvidia-cuda-toolkit 2>/dev/null | grep -q 'Candidate: [0-9]' ||
    { echo "setup: apt knows no nvidia-cuda-toolkit; enable the component non-free" >&2; return 1; }
  echo "setup: installing Debian's nvidia-cuda-toolkit"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nvidia-cuda-toolkit \
    >/dev/null || return 1
  compiles "$(command -v nvcc)" || return 1
  mkdir -p .deps
  touch .deps/cuda-from-debian
}

# In shells of their own: a step that fails ends the attempt, not the script.
if ! (install_wheels) && ! (install_debian); then give_up "neither NVIDIA's wheels nor Debian's package could be installed"; fi
rm -f "$failed"
touch cmake/Cuda.cmake  # builds that were configured without CUDA look again
