"""The models that the tests run, their shapes and their prompts."""

import json
import os
import pathlib
import random

BLOCK_TOKENS = 16
FLOAT_BYTES = 4


class Model:
    """A model as gpu-demo names it, and the sizes of its KV in wire order (kv/object_format.h), in fp32."""

    def __init__(self, name, layers, kv_heads, head_dim, vocab):
        self.name = name
        self.layers = layers
        self.vocab = vocab
        self.slice_bytes = kv_heads * 2 * BLOCK_TOKENS * head_dim * FLOAT_BYTES
        self.block_bytes = layers * self.slice_bytes

    def random_tokens(self, count, seed):
        numbers = random.Random(seed)
        return [numbers.randrange(3, self.vocab) for _ in range(count)]


def synthetic(seed=7, layers=8):
    """Small to compute, yet 1 MiB of KV a layer for 32 blocks, so that a fault can be placed between layers.

    Embeddings are untied: tied, a model of random weights says its last token again and again, whatever its KV.
    """
    shape = f"layers={layers},hidden=256,heads=4,kv_heads=4,vocab=1024,tied=0"
    return Model(f"synthetic:{shape},seed={seed}", layers, kv_heads=4, head_dim=64, vocab=1024)


def real_model_folder():
    return pathlib.Path(os.environ.get("KVP2P_MODEL", ".cache/models/smollm2-135m"))


def real_model():
    """SmolLM2-135M, as scripts/model/fetch_model.sh leaves it."""
    folder = real_model_folder()
    config = json.loads((folder / "config.json").read_text())
    head_dim = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    return Model(
        str(folder), config["num_hidden_layers"], config["num_key_value_heads"], head_dim, config["vocab_size"]
    )


def real_tokens():
    """The English text that comes with the real model."""
    return [int(line) for line in (real_model_folder() / "tokens.txt").read_text().split()]


def fetchable_tokens(prompt_tokens):
    """Full blocks of a prompt without its last token, which is computed for its logits."""
    return (prompt_tokens - 1) // BLOCK_TOKENS * BLOCK_TOKENS
