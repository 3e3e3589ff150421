#!/usr/bin/env bash
# Makes build/peers-bundle: what bench/network compares with, for a machine without a network. Needs there: x86-64, glibc
# 2.36 or later, Python 3.12 with numpy. On that machine: build/peers-bundle/run.sh COMMAND …, with whose environment
# bench/network/run.py finds the others; without a command it runs each of them once.
#
#   peers.tar.xz   bin/ (go-libp2p's and rust-libp2p's programs), site/ (of the wheels what is loaded), lib/ (of the system
#                  what the wheels load), lib-other/ (the same, but only where the machine lacks it)
#   peers/         bench/network/peers
set -euo pipefail
cd "$(dirname "$0")/.."
python_version=${1:-3.12}
bundle=build/peers-bundle
bytes_max=$((64 << 20))

scripts/setup_bench_peers.sh
from=$(cd .deps/bench-peers && pwd -P)
mkdir -p build
new=$(mktemp -d "$PWD/build/peers-bundle.XXXXXX")
trap 'rm -rf "$new"' EXIT
chmod 755 "$new"

python3 -m venv "$new/venv"
"$new/venv/bin/pip" download -q --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
  --python-version "$python_version" --implementation cp \
  --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 -d "$new/wheels" -r bench/network/peers/requirements.txt
mkdir "$new/site" "$new/peers"
for wheel in "$new"/wheels/*.whl; do
  # numpy is everywhere, and large.
  case $wheel in */numpy-*) ;; *) python3 -m zipfile -e "$wheel" "$new/site" ;; esac
done
rm -rf "$new/venv" "$new/wheels"

python3 scripts/trim_bench_peers.py "$new/site" "$from/lib" "$new/lib-other"
cp -a "$from/bin" "$from/lib" "$new/"
find "$new/site" "$new/lib" "$new/lib-other" -name '*.so*' -type f -exec strip --strip-unneeded {} + 2>/dev/null || true
tar -C "$new" -cJf "$new/peers.tar.xz" --remove-files bin site lib lib-other
cp -p bench/network/peers/*.py "$new/peers/"
cat >"$new/run.sh" <<'RUN'
#!/usr/bin/env bash
# run.sh [COMMAND …]: runs it where the others are to be found; without one, each of them by itself.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
at=${KVP2P_BENCH_PEERS:-${TMPDIR:-/tmp}/kvp2p-bench-peers}
if [ ! -f "$at/whole" ]; then
  mkdir -p "$at"
  python3 -W ignore -m tarfile -e "$here/peers.tar.xz" "$at"
  # Debian's libcurl and all that it loads, where the system has none.
  ldconfig -p | grep -q 'libcurl\.so\.4 ' || cp -a "$at/lib-other/." "$at/lib/"
  touch "$at/whole"
fi
export KVP2P_BENCH_PEERS=$at KVP2P_BENCH_PEERS_LOGS=${KVP2P_BENCH_PEERS_LOGS:-$at/logs}
[ $# = 0 ] || exec "$@"
for peer in mooncake_te nixl_ucx go_libp2p rust_libp2p; do
  for connections in 1 4 8; do
    timeout 240 python3 "$here/peers/$peer.py" --connections="$connections" --bytes=$((2 << 30)) --runs=3 || true
  done
done
RUN
chmod 755 "$new/run.sh"

bytes=$(du -sb "$new" | cut -f 1)
echo "peers-bundle: $bundle, $(((bytes + (1 << 20) - 1) >> 20)) MiB"
[ "$bytes" -le "$bytes_max" ] || { echo "peers-bundle: more than the $((bytes_max >> 20)) MiB that may be carried" >&2; exit 1; }
rm -rf "$bundle"
mv "$new" "$bundle"
