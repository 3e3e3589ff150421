"""What the two libp2p peers have in common: a program with /perf/1.0.0 over TCP, TLS and yamux."""

import pair
import place


def ways(program, connections):
    path = str(place.installed() / program)
    return [pair.Way("library defaults", (path, "serve", f"--connections={connections}"), (path, "fetch"))]


def described(name):
    """What stands for the log's word: the program has no other transport than TCP, and no other security than TLS."""
    return f"{name} with TCP, /tls/1.0.0 and yamux alone"
