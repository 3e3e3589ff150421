"""Others on the same machine, same bytes."""

from programs import CannotRun


def run(context):
    with context.row("Mooncake, NIXL, go-libp2p, rust-libp2p"):
        raise CannotRun("their programs are not in this tree")
