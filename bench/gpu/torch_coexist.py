#!/usr/bin/env python3
"""libkvcache.so beside PyTorch in one process, by its C ABI: torch's tensors, torch's stream, torch's context.

Prints a JSON object a check: {"check", "ok", "note"}. Exit code 1 if one failed, 77 if there is no GPU or no PyTorch.
"""

import argparse
import ctypes
import json
import os
import subprocess
import sys
import tempfile

try:
    import torch
except ImportError as missing:
    print(f"not run: no PyTorch: {missing}")
    sys.exit(77)

PIECES_MAX = 4096
BLOCK_TOKENS = 16


class Loop(ctypes.Structure):
    _fields_ = [("count", ctypes.c_uint64), ("stride", ctypes.c_int64)]


class SlicePlan(ctypes.Structure):
    _fields_ = [("base", ctypes.c_uint64), ("loops", Loop * 3), ("run_bytes", ctypes.c_uint64),
                ("slice_bytes", ctypes.c_uint64), ("block_stride", ctypes.c_uint64), ("slot_stride", ctypes.c_uint64),
                ("slots_per_block", ctypes.c_uint32)]


class Slice(ctypes.Structure):
    _fields_ = [("slot", ctypes.c_uint32), ("layer", ctypes.c_uint32), ("offset", ctypes.c_uint64)]


class Piece(ctypes.Structure):
    _fields_ = [("handle", ctypes.c_uint8 * 64), ("fd", ctypes.c_int), ("bytes", ctypes.c_uint64)]


class Export(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_int), ("device_uuid", ctypes.c_uint8 * 16), ("offset", ctypes.c_uint64),
                ("bytes", ctypes.c_uint64), ("piece_count", ctypes.c_uint32), ("pieces", ctypes.POINTER(Piece))]


class Library:
    """The C ABI of gpu/cuda/kvcache.h; a status that is not KVC_OK is an exception."""

    def __init__(self, path):
        self._library = ctypes.CDLL(path)
        self._library.kvc_last_error.restype = ctypes.c_char_p
        self._library.kvc_status_text.restype = ctypes.c_char_p
        for name in ("kvc_region_destroy", "kvc_export_free", "kvc_import_close"):
            getattr(self._library, name).restype = None

    def __getattr__(self, name):
        function = getattr(self._library, name)

        def call(*arguments):
            status = function(*arguments)
            if status:
                said = self._library.kvc_last_error().decode(errors="replace")
                raise RuntimeError(f"{name}: {self._library.kvc_status_text(status).decode()}: {said}")

        return function if function.restype is None else call


# A paged cache of torch's ---------------------------------------------------------------------------------------------


class PagedCache:
    """[layers][2][blocks][16][heads][dim] in bf16, as vLLM has it, and a region over it."""

    def __init__(self, library, layers=3, blocks=40, heads=4, dim=64):
        self.library = library
        self.shape = (layers, 2, blocks, BLOCK_TOKENS, heads, dim)
        self.tensor = torch.randn(self.shape, device="cuda", dtype=torch.bfloat16)
        torch.cuda.synchronize()  # it was filled on another stream than the checks use
        self.slice_bytes = 2 * BLOCK_TOKENS * heads * dim * 2
        self._region = ctypes.c_void_p()
        row = dim * 2
        token, block = heads * row, heads * row * BLOCK_TOKENS
        plane = block * blocks
        plans = (SlicePlan * layers)()
        for layer in range(layers):
            # Wire order: head, K|V, token, dim.
            loops = (Loop * 3)(Loop(heads, row), Loop(2, plane), Loop(BLOCK_TOKENS, token))
            plans[layer] = SlicePlan(base=layer * 2 * plane, loops=loops, run_bytes=row, slice_bytes=self.slice_bytes,
                                     block_stride=block, slot_stride=0, slots_per_block=1)
        library.kvc_region_create(self.tensor.device.index, ctypes.c_void_p(self.tensor.data_ptr()),
                                  ctypes.c_size_t(self.tensor.nbytes), plans, ctypes.c_uint32(layers),
                                  ctypes.c_uint32(blocks), ctypes.byref(self._region))

    def close(self):
        torch.cuda.synchronize()
        self.library.kvc_region_destroy(self._region)

    def wire(self, order):
        """The (layer, block) pairs in wire order, by torch's own indexing."""
        parts = [self.tensor[layer, :, block].permute(2, 0, 1, 3).reshape(-1) for layer, block in order]
        return torch.cat(parts)

    def _slices(self, order):
        slices = (Slice * len(order))()
        for index, (layer, block) in enumerate(order):
            slices[index] = Slice(block, layer, index * self.slice_bytes)
        return slices

    def _copy(self, call, order, wire):
        stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
        call(self._region, self._slices(order), ctypes.c_size_t(len(order)), ctypes.c_void_p(wire.data_ptr()),
             ctypes.c_size_t(wire.nbytes), stream)

    def gather(self, order, wire):
        self._copy(self.library.kvc_gather, order, wire)

    def scatter(self, order, wire):
        self._copy(self.library.kvc_scatter, order, wire)


def random_order(cache):
    layers, blocks = cache.shape[0], cache.shape[2]
    chosen = torch.randperm(layers * blocks)[: layers * blocks // 2].tolist()
    return [divmod(number, blocks) for number in chosen]


def check_gather(library):
    """On a stream of torch's, right behind work queued there and before work that uses it: nobody waits."""
    cache = PagedCache(library)
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(20):
            order = random_order(cache)
            wire = torch.full((len(order) * cache.slice_bytes // 2,), -1, device="cuda", dtype=torch.bfloat16)
            cache.tensor.normal_()
            cache.gather(order, wire)
            assert torch.equal(wire, cache.wire(order)), "gather differs from torch's indexing"
    cache.close()
    return "20 gathers on torch's own stream"


def check_scatter(library):
    cache = PagedCache(library)
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(20):
            order = random_order(cache)
            before = cache.tensor.clone()
            wire = torch.randn(len(order) * cache.slice_bytes // 2, device="cuda", dtype=torch.bfloat16)
            cache.scatter(order, wire)
            assert torch.equal(wire, cache.wire(order)), "scatter differs from torch's indexing"
            changed = torch.zeros(cache.shape[0], cache.shape[2], dtype=torch.bool, device="cuda")
            for layer, block in order:
                changed[layer, block] = True
            kept = ~changed[:, None, :, None, None, None].expand(cache.shape)
            assert torch.equal(cache.tensor[kept], before[kept]), "scatter wrote outside its slots"
    cache.close()
    return "20 scatters on torch's own stream, nothing else written"


def check_device_and_stream(library):
    """Calls leave the thread's current device and stream, and torch goes on working."""
    last = torch.cuda.device_count() - 1
    torch.cuda.set_device(last)
    stream = torch.cuda.Stream()
    try:
        with torch.cuda.stream(stream):
            start = ctypes.c_void_p()
            library.kvc_device_alloc(0, ctypes.c_size_t(1 << 20), ctypes.byref(start))
            ours = ctypes.c_void_p()
            library.kvc_stream_create(0, ctypes.byref(ours))
            library.kvc_stream_synchronize(ours)
            library.kvc_stream_destroy(ours)
            library.kvc_device_free(0, start)
            assert torch.cuda.current_device() == last, "the current device has changed"
            assert torch.cuda.current_stream() == stream, "torch's current stream has changed"
        product = torch.ones(64, 64, device="cuda") @ torch.ones(64, 64, device="cuda")
        assert product.sum().item() == 64.0**3, "torch computes wrongly afterwards"
    finally:
        torch.cuda.set_device(0)
    return f"current device {last}, a stream of torch's"


def check_error_leaves_context(library):
    """A refused call is no CUDA error that torch finds later."""
    try:
        library.kvc_device_free(0, ctypes.c_void_p(12345))
    except RuntimeError as refused:
        note = str(refused)
    else:
        raise AssertionError("freeing a pointer that is none was accepted")
    torch.cuda.synchronize()
    assert torch.ones(1000, device="cuda").sum().item() == 1000
    return f"refused: {note}"


# A tensor read by another process --------------------------------------------------------------------------------------


def describe(exported):
    pieces = [{"handle": bytes(exported.pieces[i].handle).hex(), "fd": exported.pieces[i].fd,
               "bytes": exported.pieces[i].bytes} for i in range(exported.piece_count)]
    return {"kind": exported.kind, "device_uuid": bytes(exported.device_uuid).hex(), "offset": exported.offset,
            "bytes": exported.bytes, "pieces": pieces}


def export_of(description):
    count = len(description["pieces"])
    pieces = (Piece * max(1, count))()
    for piece, kept in zip(pieces, description["pieces"]):
        piece.handle = (ctypes.c_uint8 * 64)(*bytes.fromhex(kept["handle"]))
        piece.fd, piece.bytes = kept["fd"], kept["bytes"]
    uuid = (ctypes.c_uint8 * 16)(*bytes.fromhex(description["device_uuid"]))
    return Export(kind=description["kind"], device_uuid=uuid, offset=description["offset"], bytes=description["bytes"],
                  piece_count=count, pieces=pieces), pieces


def check_export(library, arguments):
    """Most of a tensor, from an odd offset, is imported by another process, which adds up what it reads there."""
    # Something before it, so that it does not begin where its allocation does.
    spare = torch.empty(3 << 20, device="cuda", dtype=torch.uint8)
    tensor = torch.randint(0, 256, (37 << 20,), device="cuda", dtype=torch.uint8)
    part = tensor[12345 : 12345 + (33 << 20)]
    torch.cuda.synchronize()
    exported = Export()
    library.kvc_export_memory(ctypes.c_void_p(part.data_ptr()), ctypes.c_size_t(part.nbytes), ctypes.byref(exported))
    try:
        description = describe(exported)
        fds = [piece["fd"] for piece in description["pieces"] if piece["fd"] >= 0]
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file, tempfile.NamedTemporaryFile(suffix=".bin") as read:
            json.dump(description, file)
            file.flush()
            for fd in fds:
                os.set_inheritable(fd, True)
            command = [sys.executable, __file__, f"--library={arguments.library}", f"--import={file.name}",
                       f"--read-to={read.name}"]
            outcome = subprocess.run(command, pass_fds=fds, capture_output=True, text=True, timeout=120, check=False)
            assert outcome.returncode == 0, f"the importer failed: {(outcome.stderr or outcome.stdout).strip()[-500:]}"
            with open(read.name, "rb") as bytes_read:
                got = bytes_read.read()
        assert got == part.cpu().numpy().tobytes(), "the other process has read other bytes"
    finally:
        library.kvc_export_free(ctypes.byref(exported))
    del spare
    kind = {1: "CUDA IPC", 2: "virtual memory"}.get(description["kind"], "?")
    return f"{kind}, {len(description['pieces'])} pieces, offset {description['offset']}, {part.nbytes >> 20} MiB compared"


def run_import(library, arguments):
    """The other process: maps what it was given and writes the bytes to a file."""
    with open(getattr(arguments, "import"), encoding="utf-8") as file:
        exported, _ = export_of(json.load(file))
    imported, start = ctypes.c_void_p(), ctypes.c_void_p()
    library.kvc_import_memory(ctypes.byref(exported), 0, ctypes.byref(imported), ctypes.byref(start))
    host = ctypes.create_string_buffer(exported.bytes)
    library.kvc_copy(host, start, ctypes.c_size_t(exported.bytes), None)
    library.kvc_stream_synchronize(None)
    library.kvc_import_close(imported)
    with open(arguments.read_to, "wb") as file:
        file.write(host.raw)
    return 0


def run_checks(library, arguments):
    allocator = os.environ.get("PYTORCH_CUDA_ALLOC_CONF", "")
    checks = {f"a tensor read by another process ({allocator or 'allocated normally'})":
              lambda: check_export(library, arguments)}
    if not arguments.export_only:
        checks = {
            "gather of a torch tensor on torch's stream": lambda: check_gather(library),
            "scatter into a torch tensor on torch's stream": lambda: check_scatter(library),
            "current device and stream unchanged": lambda: check_device_and_stream(library),
            "a refused call leaves torch's context alone": lambda: check_error_leaves_context(library),
            **checks,
        }
    bad = 0
    for name, check in checks.items():
        try:
            note, good = check(), True
        except Exception as error:  # pylint: disable=broad-except
            note, good = f"{type(error).__name__}: {error}", False
        bad += not good
        print(json.dumps({"check": name, "ok": good, "note": note}), flush=True)
    return 1 if bad else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", required=True, help="libkvcache.so")
    parser.add_argument("--export-only", action="store_true", help="only the check of another process")
    parser.add_argument("--import", metavar="JSON", help=argparse.SUPPRESS)
    parser.add_argument("--read-to", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        print("not run: PyTorch sees no GPU")
        return 77
    torch.zeros(1, device="cuda")  # PyTorch is there first, with its context
    library = Library(arguments.library)
    return run_import(library, arguments) if getattr(arguments, "import") else run_checks(library, arguments)


if __name__ == "__main__":
    sys.exit(main())
