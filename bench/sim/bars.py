"""The bars that simulated clusters are held to: issue 8's. The one place where they are written."""

from bar import Bar

BARS = {
    "found": Bar("figure", True, 0.99, everywhere=True),
    # Of a node, whatever the number of nodes: nothing that grows with the cluster.
    "connections": Bar("figure", False, 80, everywhere=True),
    "memory": Bar("figure", False, 2048, "KiB", everywhere=True),
    "traffic": Bar("figure", False, 256, "KiB/s", everywhere=True),
    # At the end, to the same before the divisions: nothing grows for ever.
    "growth": Bar("ratio", False, 1.2, everywhere=True),
}
