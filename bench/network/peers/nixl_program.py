"""One process of the NIXL measurement (pair.py says what it is told and prints)."""

import base64
import concurrent.futures
import json
import os
import sys
import threading
import time

import numpy
import slices

try:
    import nixl_cu13 as nixl
except ImportError:
    import nixl_cu12 as nixl


def start_agents(arguments, memory):
    agents = []
    for number in range(arguments.agents):
        config = nixl.nixl_agent_config(enable_prog_thread=arguments.progress_thread == 1, backends=[])
        agent = nixl.nixl_agent(f"{arguments.mode}-{number}", config)
        options = {"num_threads": arguments.threads, "split_batch_size": arguments.split} if arguments.threads else {}
        agent.create_backend("UCX", {key: str(value) for key, value in options.items()})
        agent.register_memory([(memory.address, memory.size, 0, "")], "DRAM")
        agents.append(agent)
    return agents


def serve(arguments, memory, say):
    memory.fill()
    agents = start_agents(arguments, memory)
    described = [base64.b64encode(agent.get_agent_metadata()).decode() for agent in agents]
    if arguments.progress_thread == 0:
        # Without a progress thread UCX moves while it is called, so each agent is called all the time.
        for agent in agents:
            threading.Thread(target=call_ever_on, args=(agent,), daemon=True).start()
    say(address=json.dumps([described, memory.address]),
        version=os.environ.get("KVP2P_PEER_VERSION", "of unknown version"))
    slices.wait_for_end()


def call_ever_on(agent):
    while True:
        agent.get_new_notifs()


def prepare(agent, description, memory, there, part):
    name = agent.add_remote_agent(base64.b64decode(description))
    offsets = numpy.array(part, dtype=numpy.uint64) * memory.slice_bytes

    def descriptors(base):
        rows = [base + offsets, numpy.full_like(offsets, memory.slice_bytes), numpy.zeros_like(offsets)]
        return agent.get_xfer_descs(numpy.stack(rows, axis=1), "DRAM")

    return agent.initialize_xfer("READ", descriptors(memory.address), descriptors(there), name)


def read(agent, transfer):
    state = agent.transfer(transfer)
    while state == "PROC":
        state = agent.check_xfer_state(transfer)
    return state


def fetch(arguments, memory, say):
    described, there = arguments.address
    arguments.agents = len(described)
    agents = start_agents(arguments, memory)
    transfers = [prepare(agent, description, memory, there, part)
                 for agent, description, part in zip(agents, described, memory.parts(len(agents)))]
    with concurrent.futures.ThreadPoolExecutor(len(agents)) as threads:
        for _ in sys.stdin:
            memory.clear()
            begin = time.perf_counter()
            states = list(threads.map(read, agents, transfers))
            seconds = time.perf_counter() - begin
            if any(state != "DONE" for state in states):
                raise SystemExit(f"the transfers ended as {states}")
            memory.check()
            say(seconds=seconds, equal_bytes=memory.size)


def options(parser):
    parser.add_argument("--agents", type=int, default=1)
    parser.add_argument("--progress-thread", type=int, choices=[0, 1], default=1)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--split", type=int, default=1024)


def main():
    say = slices.take_standard_output()
    arguments = slices.arguments(options)
    memory = slices.Memory(arguments.bytes, arguments.slice_bytes)
    (serve if arguments.mode == "serve" else fetch)(arguments, memory, say)
    # Agents are taken down in an order that ends with complaints; nothing of theirs is needed any more.
    os._exit(0)


if __name__ == "__main__":
    main()
