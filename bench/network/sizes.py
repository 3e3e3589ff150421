"""How much is moved: what the machine at hand can hold and do in the time that there is."""

import os
import pathlib

FULL_MIB, SMALL_MIB = 4096, 512
# Of memory available, for the full size: two copies at each end of ours (store and engine), one at each end of TCP's.
FULL_NEEDS_MIB = 32 << 10
FULL_NEEDS_CORES = 8


def available_mib():
    for line in pathlib.Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) >> 10
    return 0


def get_mib(options):
    """Of KV in part `get`: as asked for, or what suits the machine."""
    if options.mib:
        return options.mib
    is_large = available_mib() >= FULL_NEEDS_MIB and os.cpu_count() >= FULL_NEEDS_CORES
    return FULL_MIB if is_large and not options.quick else SMALL_MIB
