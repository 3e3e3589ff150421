"""The bars that the index is held to: issue 8's. The one place where they are written."""

from bar import Bar

BARS = {
    "lookup_p99": Bar("figure", False, 50, "µs", everywhere=True),
    "bytes_a_pair": Bar("figure", False, 64, "B", everywhere=True),
    # Of the digest library's rate for messages of the same size.
    "keys": Bar("ratio", True, 0.5, everywhere=True),
    "wrong": Bar("figure", False, 0, "wrong answers", everywhere=True),
}
