"""The bars that the network path is held to: issue 7's. The one place where they are written.

Those of `GPU_MACHINE` were set for the GPU test machine, with its 16 cores: with fewer, both ends' crypto has to share what
plain TCP has to itself, and the ratio says something else. It is printed there and not judged.
"""

from bar import Bar

GPU_MACHINE_CORES = 16


def _on_the_gpu_machine(value):
    return Bar("ratio", True, value, everywhere=True, cores_min=GPU_MACHINE_CORES)


BARS = {
    # KV get over TLS with digests checked against plain TCP with as many connections.
    "get": _on_the_gpu_machine(0.75),
    # GPU to GPU against the slower of PCIe and plain 8-connection TCP, and 8 MiB.
    "gpu_whole": Bar("ratio", True, 0.70),
    "gpu_8mib": Bar("figure", False, 2000, "µs"),
    # Against another implementation's rate.
    "ahead": Bar("ratio", True, 1, everywhere=True),
    # Of what the link carries.
    "link": Bar("ratio", True, 0.90, everywhere=True),
    "failures": Bar("figure", False, 0, "failures", everywhere=True),
    # Peak memory over store, configured staging and 256 MiB.
    "memory": Bar("ratio", False, 1, everywhere=True),
    # The others' rate with a slow reader over theirs without: what runs vary by is allowed for.
    "nobody_slowed": Bar("ratio", True, 0.9, everywhere=True),
    "connection_up": Bar("figure", False, 1000, "µs", everywhere=True),
    "first_contact": Bar("figure", False, 20000, "µs", everywhere=True),
    # Processor seconds a GB over plain TCP's.
    "cpu": Bar("ratio", False, 2, everywhere=True),
}
