#!/usr/bin/env python3
"""How soon nodes that know nothing, or one address, find each other and each other's blocks.

    python3 bench/discovery/run.py [--nodes=5] [--blocks=100]

Prints for each way, from one run: the time from the start of the first node until all are connected to all; and of blocks
stored on one node after the other the time from when a block is published until the last of the other nodes can have it
(it is in its index, and the holder has confirmed it): median and 99th percentile.
"""

import argparse
import statistics
import sys

import nodes


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def measure(program, way, count, blocks, switch):
    cluster = nodes.Cluster(program, way, count, switch)
    try:
        known_s = cluster.wait_until_all_know_all()
        last = [max(cluster.spread(number % count, number + 1)) for number in range(blocks)]
    finally:
        cluster.end()
    print(f"{way:10} {count:5} nodes   all know all after {known_s:6.2f} s   block in all indexes: "
          f"median {1e3 * statistics.median(last):7.1f} ms   99th percentile {1e3 * percentile(last, 0.99):7.1f} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=5)
    parser.add_argument("--blocks", type=int, default=100)
    arguments = parser.parse_args()
    program = nodes.program_path()
    reason = nodes.netns.why_not()
    if reason:
        print(f"not run: {reason}")
        return 77
    for way in nodes.Cluster.FLAGS:
        switch = nodes.Switch(arguments.nodes)
        try:
            measure(program, way, arguments.nodes, arguments.blocks, switch)
        finally:
            switch.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
