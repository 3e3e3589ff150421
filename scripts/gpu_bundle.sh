#!/usr/bin/env bash
# Makes build/gpu-bundle: what a GPU machine without development packages needs to check and measure this tree. Needs
# there: glibc 2.36 or later, python3, an NVIDIA driver for CUDA 13. On that machine: build/gpu-bundle/run.sh
#
#   bin.tar.gz   the programs (kvp2p_bundle() and kvp2p_gpu_program() in CMake), stripped; run.sh unpacks them into bin/
#   bench/       the scripts that run them
#   commit       what it was made from
set -euo pipefail
cd "$(dirname "$0")/.."
bytes_max=$((64 << 20))
bundle=build/gpu-bundle

scripts/build.sh gpu bundle
grep -q '^KVP2P_NVCC:FILEPATH=/' build/gpu/CMakeCache.txt ||
  { echo "gpu-bundle: there is no CUDA compiler; see scripts/setup_cuda.sh" >&2; exit 1; }

new=$(mktemp -d build/gpu-bundle.XXXXXX)
trap 'rm -rf "$new"' EXIT
mkdir "$new/bin"
while read -r program; do
  strip -o "$new/bin/$(basename "$program")" "$program"
done <build/gpu/bundle.txt

# Nothing but glibc and what is in the bundle may be asked for at start.
for program in "$new"/bin/*; do
  objdump -p "$program" | awk '$1 == "NEEDED" { print $2 }' | while read -r library; do
    case $library in
      libc.so.6 | libm.so.6 | libdl.so.2 | libpthread.so.0 | librt.so.1 | ld-linux-x86-64.so.2) ;;
      *) [ -f "$new/bin/$library" ] || { echo "gpu-bundle: $(basename "$program") needs $library" >&2; exit 1; } ;;
    esac
  done
done

tar -C "$new" -czf "$new/bin.tar.gz" --remove-files bin
for folder in bench/common bench/gpu bench/network bench/network/peers; do
  [ -d "$folder" ] || continue
  mkdir -p "$new/$folder"
  find "$folder" -maxdepth 1 -type f \( -name '*.py' -o -name '*.sh' \) -exec cp -p {} "$new/$folder/" \;
done
git describe --always --dirty --abbrev=12 >"$new/commit" 2>/dev/null || echo unknown >"$new/commit"
cp scripts/gpu_bundle_run.sh "$new/run.sh"
chmod 755 "$new" "$new/run.sh"

bytes=$(du -sb "$new" | cut -f 1)
if [ "$bytes" -gt "$bytes_max" ]; then
  echo "gpu-bundle: $((bytes >> 20)) MiB, more than the $((bytes_max >> 20)) MiB that may be carried" >&2
  exit 1
fi
rm -rf "$bundle"
mv "$new" "$bundle"
echo "gpu-bundle: $bundle, $(((bytes + (1 << 20) - 1) >> 20)) MiB: $(tar -tzf "$bundle/bin.tar.gz" | sed -n 's|^bin/\(..*\)|\1|p' | sort | tr '\n' ' ')"
