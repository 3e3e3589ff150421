"""A link of 1 Gbit/s with 40 ms round trip."""

from programs import CannotRun


def run(context):
    with context.row("KV get over 1 Gbit/s with 40 ms round trip"):
        raise CannotRun("the emulated link is not in this tree")
