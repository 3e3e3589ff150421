"""The bars that a node among hostile peers is held to: issue 8's. The one place where they are written."""

from bar import Bar

BARS = {
    # Beside the same node without them, in the same run.
    "lookup": Bar("ratio", False, 2, everywhere=True),
    "rate": Bar("ratio", True, 0.5, everywhere=True),
    "left": Bar("figure", False, 0, "peers", everywhere=True),
    "harmed": Bar("figure", False, 0, "peers", everywhere=True),
    "wrong": Bar("figure", False, 0, "wrong blocks", everywhere=True),
}
