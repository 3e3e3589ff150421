"""Finds bytes in another process's memory and damages them: a store whose memory has gone bad."""

import pathlib

_READ_BYTES = 16 << 20


def corrupt_everywhere(pid, needle, offset):
    """Flips one bit at `offset` of every copy of `needle` in writable memory; returns how many there were."""
    copies = 0
    # Unbuffered: a write must touch the one byte and no neighbour.
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        for start, end in _writable_ranges(pid):
            for address in _find(memory, start, end, needle):
                memory.seek(address + offset)
                byte = memory.read(1)
                memory.seek(address + offset)
                memory.write(bytes([byte[0] ^ 0x40]))
                copies += 1
    return copies


def _writable_ranges(pid):
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        addresses, permissions = line.split()[:2]
        if permissions.startswith("rw"):
            start, end = (int(address, 16) for address in addresses.split("-"))
            yield start, end


def _find(memory, start, end, needle):
    """Addresses of `needle`. Parts that cannot be read (unmapped meanwhile) are passed over."""
    position = start
    while position < end:
        # Read on by a needle's length, so that a copy across the border is found, and found once.
        wanted = min(_READ_BYTES + len(needle) - 1, end - position)
        try:
            memory.seek(position)
            piece = memory.read(wanted)
        except OSError:
            piece = b""
        found = piece.find(needle)
        while found >= 0:
            yield position + found
            found = piece.find(needle, found + len(needle))
        position += _READ_BYTES
