"""Reads a node's KV events as a router would: msgspec structs with the fields of vLLM's, strictly typed.

Usage: kv_events_subscriber.py array|map PUB REPLAY TOPIC HASHES. Follows the PUB endpoint, replays from the first batch on,
and prints all events as JSON once so many hashes have been stored. Runs in an environment that has msgspec and pyzmq.
"""

import json
import sys

import msgspec
import zmq

END = (2**64 - 1).to_bytes(8, "big")
PATIENCE_MS = 60_000


def structs(as_arrays):
    """The batch's type, by the names and the order that vLLM has given its fields."""
    options = {"array_like": as_arrays, "omit_defaults": True, "gc": False}
    event = {**options, "tag": True}
    hash_type = bytes | int
    stored = msgspec.defstruct("BlockStored", [
        ("block_hashes", list[hash_type]),
        ("parent_block_hash", hash_type | None),
        ("token_ids", list[int]),
        ("block_size", int),
        ("lora_id", int | None),
        ("medium", str | None),
        ("lora_name", str | None),
        ("extra_keys", list | None, None),
    ], **event)
    removed = msgspec.defstruct("BlockRemoved", [("block_hashes", list[hash_type]), ("medium", str | None)], **event)
    cleared = msgspec.defstruct("AllBlocksCleared", [], **event)
    return msgspec.defstruct("KVEventBatch", [
        ("ts", float),
        ("events", list[stored | removed | cleared]),
        ("data_parallel_rank", int | None, None),
    ], **options)


def replay(socket, first):
    """Batches from that number on, as (number, payload)."""
    socket.send_multipart([b"", first.to_bytes(8, "big")])
    while True:
        empty, number, payload = socket.recv_multipart()
        assert empty == b"", empty
        if number == END:
            assert payload == b"", payload
            return
        yield int.from_bytes(number, "big"), payload


def plain(event):
    fields = {"type": type(event).__name__, **msgspec.structs.asdict(event)}
    return {key: [item.hex() for item in value] if key == "block_hashes" else value for key, value in fields.items()}


def main(form, publish, replay_from, topic, hashes):
    decoder = msgspec.msgpack.Decoder(structs(form == "array"))
    context = zmq.Context.instance()
    asker = context.socket(zmq.DEALER)
    subscriber = context.socket(zmq.SUB)
    for socket, endpoint in ((asker, replay_from), (subscriber, publish)):
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RCVTIMEO, PATIENCE_MS)
        socket.connect(endpoint)
    subscriber.setsockopt_string(zmq.SUBSCRIBE, topic)
    print(json.dumps({"event": "ready"}), flush=True)
    batches, stored = {}, 0
    while stored < int(hashes):
        for number, payload in replay(asker, len(batches)):
            assert number == len(batches), f"batch {number} where {len(batches)} was due"
            batches[number] = decoder.decode(payload)
            stored += sum(len(event.block_hashes) for event in batches[number].events if type(event).__name__ == "BlockStored")
        # What is published now comes by itself, too; it is the same as what is replayed.
        while subscriber.poll(20):
            frames = subscriber.recv_multipart()
            assert len(frames) == 3 and frames[0] == topic.encode() and len(frames[1]) == 8, frames
            decoder.decode(frames[2])
    print(json.dumps({"event": "events", "events": [plain(event) for number in sorted(batches) for event in batches[number].events],
                      "ranks": sorted({batch.data_parallel_rank for batch in batches.values()}),
                      "seconds": [batches[number].ts for number in sorted(batches)]}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
