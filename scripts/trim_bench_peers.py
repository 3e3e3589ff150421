#!/usr/bin/env python3
"""trim_bench_peers.py SITE LIB OTHER: of unpacked wheels in SITE keeps what the benchmark loads, by following what each
library needs; what comes neither from there nor from LIB is copied from this system into OTHER, but for the C and C++ runtime."""

import pathlib
import re
import shutil
import subprocess
import sys

# What Python or a library opens by itself; the rest follows.
ROOTS = ("mooncake/*.py", "mooncake/engine*.so", "mooncake_transfer_engine*.dist-info/METADATA",
         "nixl_cu13/*", "nixl_cu13-*.dist-info/METADATA", ".nixl_cu13.mesonpy.libs/plugins/libplugin_UCX.so")
EVERYWHERE = re.compile(r"(libc|libm|libdl|libpthread|librt|libresolv|libstdc\+\+|libgcc_s|ld-linux-x86-64)\.so")
ELF = b"\x7fELF"


def needed(path):
    with open(path, "rb") as file:
        if file.read(4) != ELF:
            return []
    said = subprocess.run(["objdump", "-p", str(path)], capture_output=True, text=True, check=True, timeout=60).stdout
    return re.findall(r"NEEDED\s+(\S+)", said)


def of_this_system():
    said = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True, timeout=60).stdout
    return dict(re.findall(r"^\s+(\S+) \(libc6,x86-64[^)]*\) => (\S+)$", said, re.MULTILINE))


def main():
    site, lib, other = map(pathlib.Path, sys.argv[1:])
    other.mkdir()
    inside = {path.name: path for path in site.rglob("*.so*") if path.is_file()}
    system = of_this_system()
    waiting = [path for pattern in ROOTS for path in site.glob(pattern) if path.is_file()]
    if len({path.parts[len(site.parts)] for path in waiting}) < 5:
        raise SystemExit(f"the wheels are not laid out as expected: {waiting}")
    kept = set(waiting)
    while waiting:
        for name in needed(waiting.pop()):
            if EVERYWHERE.match(name) or (lib / name).exists() or (other / name).exists():
                continue
            found = inside.get(name)
            if found is None:
                if name not in system:
                    raise SystemExit(f"{name} is neither in the wheels nor on this system")
                shutil.copy(system[name], other / name)
                found = other / name
            if found not in kept:
                kept.add(found)
                waiting.append(found)
    for path in site.rglob("*"):
        if path.is_file() and path not in kept:
            path.unlink()


if __name__ == "__main__":
    main()
