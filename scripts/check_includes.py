#!/usr/bin/env python3
"""Fails on an include that the table of modules forbids: a module may use those below it, never those above."""

import pathlib
import re
import subprocess
import sys

# Lowest first. A module may include itself and what is listed before it, unless NARROWER says less.
ORDER = ["base", "multiformats", "libp2p", "kv", "codec", "wire", "gpu", "direct", "storage", "index", "events", "exchange", "cache", "provider",
         "engine", "apps", "tools", "bench", "tests"]
NARROWER = {
    "kv": {"base"},
    "codec": {"base", "kv"},
    "wire": {"base", "multiformats", "kv"},
    "gpu": {"base", "kv", "codec"},
    "direct": {"base", "multiformats", "kv", "wire", "gpu"},
    "storage": {"base", "kv"},
    "index": {"base", "multiformats", "kv", "wire"},
    "events": {"base", "kv"},
    # An engine sees what an outside engine would: the provider and the types in its signatures.
    "engine": {"base", "kv", "gpu", "provider"},
    "tools": {"base"},
}
# Headers for some alone.
RESERVED = {"cache/benchmark_only.h": ("bench/", "cache/transfer_inbox.cc")}
INCLUDE = re.compile(r'^\s*#\s*include\s+"(([a-z0-9_]+)/[^"]*)"', re.MULTILINE)


def allowed(module):
    return NARROWER.get(module, set(ORDER[:ORDER.index(module)])) | {module}


def main():
    files = subprocess.run(["git", "ls-files", "*.h", "*.cc", "*.cu", "*.cuh"], capture_output=True, text=True, check=True).stdout.split()
    bad = 0
    for name in files:
        module = name.split("/")[0]
        if module not in ORDER:
            continue
        for header, used in INCLUDE.findall(pathlib.Path(name).read_text(encoding="utf-8")):
            if not name.startswith(RESERVED.get(header, "")):
                print(f"{name}: {header} is for others alone")
                bad += 1
            if used in ORDER and used not in allowed(module):
                print(f"{name}: {module} must not include {used}")
                bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
