"""One process of the Mooncake measurement (pair.py says what it is told and prints)."""

import concurrent.futures
import os
import sys
import time

import slices
from mooncake.engine import TransferEngine


def start_engines(count, memory):
    engines = []
    for _ in range(count):
        engine = TransferEngine()
        if engine.initialize("127.0.0.1", "P2PHANDSHAKE", "tcp", "") != 0:
            raise SystemExit("the transfer engine does not start")
        if engine.register_memory(memory.address, memory.size) != 0:
            raise SystemExit("the transfer engine does not take the memory")
        engines.append(engine)
    return engines


def serve(arguments, memory, say):
    memory.fill()
    engines = start_engines(arguments.engines, memory)
    say(address=f"[[{','.join(str(engine.get_rpc_port()) for engine in engines)}],{memory.address}]",
        version=os.environ.get("KVP2P_PEER_VERSION", "of unknown version"))
    slices.wait_for_end()


def fetch(arguments, memory, say):
    ports, there = arguments.address
    engines = start_engines(len(ports), memory)
    parts = memory.parts(len(ports))

    def read(engine, port, part):
        # Lists made before the clock starts are the caller's work, not the engine's.
        return lambda: engine.batch_transfer_sync_read(f"127.0.0.1:{port}", *part)

    addresses = [[[base + n * memory.slice_bytes for n in part] for base in (memory.address, there)] +
                 [[memory.slice_bytes] * len(part)] for part in parts]
    reads = [read(*one) for one in zip(engines, ports, addresses)]
    with concurrent.futures.ThreadPoolExecutor(len(reads)) as threads:
        for _ in sys.stdin:
            memory.clear()
            begin = time.perf_counter()
            answers = list(threads.map(lambda call: call(), reads))
            seconds = time.perf_counter() - begin
            if any(answers):
                raise SystemExit(f"batch_transfer_sync_read returned {answers}")
            memory.check()
            say(seconds=seconds, equal_bytes=memory.size)


def main():
    say = slices.take_standard_output()
    arguments = slices.arguments(lambda parser: parser.add_argument("--engines", type=int, default=1))
    memory = slices.Memory(arguments.bytes, arguments.slice_bytes)
    (serve if arguments.mode == "serve" else fetch)(arguments, memory, say)
    # Its threads do not all end by themselves.
    os._exit(0)


if __name__ == "__main__":
    main()
