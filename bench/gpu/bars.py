"""The bars that figures are held to, for one H200 and for two with NVLink. The one place where they are written.

Host memory has no bars for speed; correctness is judged everywhere.
"""

from bar import Bar


def _ratio_at_least(value):
    return Bar("ratio", True, value)


def _exactly_none(unit):
    return Bar("figure", False, 0, unit, everywhere=True)


BARS = {
    # Staging, against a plain pinned copy of the same size in the same run.
    "gather": _ratio_at_least(0.95),
    "scatter": _ratio_at_least(0.92),
    # Memory to memory on one GPU, by events, against cudaMemcpy device to device.
    "direct_copy": _ratio_at_least(0.85),
    # Two processes, whole fetches by the wall clock.
    "fixed_cost": Bar("figure", False, 150, "µs"),
    "direct_8mib": Bar("figure", False, 200, "µs"),
    "staged_8mib": Bar("figure", False, 5000, "µs"),
    # From one GPU's memory into another's by events, against cudaMemcpyPeer: one range, and in blocks of 32 KiB.
    "peer_copy_contiguous": _ratio_at_least(0.90),
    "peer_copy_512mib": _ratio_at_least(0.85),
    "peer_copy_64mib": _ratio_at_least(0.80),
    # Total over the sum of its stages.
    "overlap": Bar("ratio", False, 0.999),
    # Recompute by PyTorch over the time to have the KV in place.
    "speedup_8b": _ratio_at_least(50),
    "speedup_70b": _ratio_at_least(100),
    # The reference engine's prefill over PyTorch's.
    "engine_prefill": Bar("ratio", False, 1.5),
    # Correctness.
    "failures": _exactly_none("failures"),
    "wrong": _exactly_none("wrong"),
}
