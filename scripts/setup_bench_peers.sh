#!/usr/bin/env bash
# Puts what bench/network compares with into .deps/bench-peers: Mooncake's and NIXL's wheels from PyPI, unpacked and not
# installed, the libraries that they expect of the system, and the programs over go-libp2p and rust-libp2p. Each part is
# made once for each version of what it is made of; a part that cannot be had is left out with a word, and the
# benchmark says that it did not run. Fetches 120 MB and compiles for minutes the first time; no part of the usual setup.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/as_root.sh
PATH="$PATH:/usr/local/go/bin:$HOME/.cargo/bin"
from=$PWD/bench/network/peers
mkdir -p .deps/bench-peers/bin
at=$(cd .deps/bench-peers && pwd -P)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kv-cache-p2p/bench-peers
work=$(mktemp -d "$at/new.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
failed=0

# Whoever runs it at the same time waits.
exec 9>"$at/lock"
flock 9

# part <name> <what it is made from …>: runs make_<name> unless that has been done with the same files.
part() {
  local name=$1 digest
  shift
  digest=$({ cat "$@" && declare -f "make_$name"; } | sha256sum | cut -d ' ' -f 1)
  [ "$(cat "$at/$name.stamp" 2>/dev/null)" != "$digest" ] || return 0
  echo "setup: bench peers: $name"
  if ("make_$name"); then
    echo "$digest" >"$at/$name.stamp"
  else
    echo "setup: bench peers: $name could not be made" >&2
    failed=1
  fi
}

make_site() {
  python3 -m venv "$work/venv" || return 1
  "$work/venv/bin/pip" install -q --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    --no-compile --retries 2 --timeout 60 --target "$work/site" -r "$from/requirements.txt" || return 1
  rm -rf "$at/site" "$work/site"/nixl_ep_*  # expert parallelism: 200 MB that nothing here loads
  mv "$work/site" "$at/site"
}

# RDMA's and NUMA's libraries are unpacked, so that nothing on the system changes; there need be no such device.
make_lib() {
  local packages=(libibverbs1 libnl-3-200 libnl-route-3-200 libnuma1)
  mkdir "$work/debs" && chmod 777 "$work/debs" && cd "$work/debs" || return 1
  apt-get download -qq "${packages[@]}" 2>/dev/null ||
    { as_root apt-get update -qq && apt-get download -qq "${packages[@]}"; } || return 1
  for package in *.deb; do dpkg -x "$package" root || return 1; done
  rm -rf "$at/lib"
  mkdir "$at/lib"
  find root -name '*.so.*' -exec cp -a {} "$at/lib/" \;
  ldconfig -p | grep -q 'libcurl\.so\.4 ' ||
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libcurl4 >/dev/null
}

make_go() {
  command -v go >/dev/null || { echo "setup: needs Go 1.24 or later" >&2; return 1; }
  cd "$from/go" &&
    CGO_ENABLED=0 go build -mod=readonly -trimpath -buildvcs=false -ldflags='-s -w' -o "$at/bin/go-perf-peer" .
}

make_rust() {
  command -v cargo >/dev/null || { echo "setup: needs cargo" >&2; return 1; }
  cd "$from/rust" && cargo build -q --release --locked --target-dir "$cache/rust-target" &&
    cp "$cache/rust-target/release/libp2p-perf-peer" "$at/bin/rust-perf-peer"
}

part site "$from/requirements.txt"
part lib /dev/null
part go "$from"/go/*.go "$from"/go/go.mod "$from"/go/go.sum
part rust "$from"/rust/src/*.rs "$from"/rust/*.rs "$from"/rust/Cargo.*
exit $failed
