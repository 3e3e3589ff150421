#!/usr/bin/env bash
# Installs what the build needs on Debian 12, and only what is missing. Run by every make target; quick when there is
# nothing to do.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  build-essential ccache cmake ninja-build mold pkg-config git
  libboost1.81-dev libssl-dev libsodium-dev libprotobuf-dev protobuf-compiler libxxhash-dev libzstd-dev liblz4-dev libspdlog-dev
  nlohmann-json3-dev libc-ares-dev libcli11-dev libgtest-dev libgmock-dev libopenblas-dev
  libzmq3-dev cppzmq-dev
  clang-16 clang-format-16 clang-tidy-16 libclang-rt-16-dev
  iproute2 nftables openssl procps python3 python3-venv
)

[ "$(dpkg --print-architecture 2>/dev/null)" != amd64 ] || packages+=(libipsec-mb-dev)

. scripts/as_root.sh

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done

if [ ${#missing[@]} -gt 0 ]; then
  if ! command -v apt-get >/dev/null; then
    echo "setup: this script installs Debian packages; on another system install the equivalents of: ${missing[*]}" >&2
    exit 1
  fi
  echo "setup: installing ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# Debian's libmsgpack-cxx-dev depends on Boost 1.74, which cannot be installed beside 1.81. The headers need no Boost, so
# the package is unpacked here instead of installed.
if [ ! -f .deps/msgpack-cxx/usr/include/msgpack.hpp ] && [ ! -f /usr/include/msgpack.hpp ]; then
  echo "setup: unpacking libmsgpack-cxx-dev into .deps"
  unpack=$(mktemp -d)
  trap 'rm -rf "$unpack"' EXIT
  chmod 755 "$unpack"
  (cd "$unpack" && { apt-get download -qq libmsgpack-cxx-dev 2>/dev/null ||
    { as_root apt-get update -qq && apt-get download -qq libmsgpack-cxx-dev; }; })
  mkdir -p .deps
  dpkg -x "$unpack"/libmsgpack-cxx-dev_*.deb "$unpack/root"
  rm -rf .deps/msgpack-cxx
  mv "$unpack/root" .deps/msgpack-cxx
fi

scripts/setup_cuda.sh
