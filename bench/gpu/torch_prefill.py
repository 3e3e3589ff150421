#!/usr/bin/env python3
"""Time of a prefill by PyTorch: Llama-3 shapes with random weights, bf16, SDPA. The competitor of a fetch.

Prints a JSON object a figure. The whole model is run where its weights fit in --memory-gib; otherwise some layers are, and
the time of a layer is taken times their number (said in the figure). Every layer's K and V stay in memory, as in an engine.
"""

import argparse
import json
import statistics
import sys
import time
from dataclasses import dataclass

try:
    import torch
    import torch.nn.functional as F
except ImportError as error:
    print(f"not run: no PyTorch: {error}")
    sys.exit(77)


@dataclass(frozen=True)
class Shape:
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    ffn: int
    vocab: int
    head_dim: int = 128
    rope_theta: float = 500000.0

    def layer_bytes(self):
        attention = self.hidden * self.head_dim * (2 * self.heads + 2 * self.kv_heads)
        return 2 * (attention + 3 * self.hidden * self.ffn + 2 * self.hidden)

    def ends_bytes(self):
        return 2 * 2 * self.vocab * self.hidden


SHAPES = {
    "8b": Shape(layers=32, hidden=4096, heads=32, kv_heads=8, ffn=14336, vocab=128256),
    "70b": Shape(layers=80, hidden=8192, heads=64, kv_heads=8, ffn=28672, vocab=128256),
    "tiny": Shape(layers=2, hidden=256, heads=4, kv_heads=2, ffn=512, vocab=1000, head_dim=64),
}
EPSILON = 1e-5


class Layer:
    """Weights of one layer; q, k and v in one product, gate and up in one: PyTorch at its best."""

    def __init__(self, shape, device):
        def weight(rows, columns):
            return torch.empty(rows, columns, device=device, dtype=torch.bfloat16).normal_(std=columns**-0.5)

        self.shape = shape
        self.qkv = weight((shape.heads + 2 * shape.kv_heads) * shape.head_dim, shape.hidden)
        self.out = weight(shape.hidden, shape.heads * shape.head_dim)
        self.gate_up = weight(2 * shape.ffn, shape.hidden)
        self.down = weight(shape.hidden, shape.ffn)
        self.norm_attention = torch.ones(shape.hidden, device=device, dtype=torch.bfloat16)
        self.norm_ffn = torch.ones(shape.hidden, device=device, dtype=torch.bfloat16)

    def forward(self, x, cos, sin):
        """(hidden states, K, V) of a whole prompt: x is [tokens][hidden]."""
        shape, tokens = self.shape, x.shape[0]
        normed = F.rms_norm(x, (shape.hidden,), self.norm_attention, EPSILON)
        sizes = [count * shape.head_dim for count in (shape.heads, shape.kv_heads, shape.kv_heads)]
        q, k, v = F.linear(normed, self.qkv).split(sizes, dim=-1)
        q = rotate(q.view(tokens, shape.heads, shape.head_dim), cos, sin)
        k = rotate(k.view(tokens, shape.kv_heads, shape.head_dim), cos, sin)
        v = v.view(tokens, shape.kv_heads, shape.head_dim)
        attended = F.scaled_dot_product_attention(
            *(part.transpose(0, 1).unsqueeze(0) for part in (q, k, v)), is_causal=True, enable_gqa=True
        )
        x = x + F.linear(attended.squeeze(0).transpose(0, 1).reshape(tokens, -1), self.out)
        normed = F.rms_norm(x, (shape.hidden,), self.norm_ffn, EPSILON)
        gate, up = F.linear(normed, self.gate_up).split(shape.ffn, dim=-1)
        return x + F.linear(F.silu(gate) * up, self.down), k, v


def rotate(x, cos, sin):
    """RoPE by halves; x is [tokens][heads][dim]."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


def rope_table(shape, tokens, device):
    half = shape.head_dim // 2
    frequencies = shape.rope_theta ** (-torch.arange(half, device=device, dtype=torch.float32) / half)
    angles = torch.arange(tokens, device=device, dtype=torch.float32)[:, None] * frequencies
    return angles.cos()[:, None, :].to(torch.bfloat16), angles.sin()[:, None, :].to(torch.bfloat16)


class Model:
    """`layers` of the shape's, with embedding and output if all are there."""

    def __init__(self, shape, layers, device):
        self.shape = shape
        self.whole = layers == shape.layers
        self.layers = [Layer(shape, device) for _ in range(layers)]
        self.device = device
        if self.whole:
            self.embedding = torch.empty(shape.vocab, shape.hidden, device=device, dtype=torch.bfloat16).normal_(std=0.02)
            self.output = torch.empty(shape.vocab, shape.hidden, device=device, dtype=torch.bfloat16).normal_(std=0.02)

    def start(self, ids):
        """What comes before the layers; random hidden states of a model without its embedding."""
        if self.whole:
            return self.embedding[ids]
        generator = torch.Generator(device=self.device).manual_seed(1)
        return torch.randn(len(ids), self.shape.hidden, device=self.device, dtype=torch.bfloat16, generator=generator)

    def prefill(self, ids, start, cos, sin):
        x = self.embedding[ids] if self.whole else start
        kv = []
        for layer in self.layers:
            x, k, v = layer.forward(x, cos, sin)
            kv.append((k, v))
        if self.whole:
            last = F.rms_norm(x[-1:], (self.shape.hidden,), self.layers[0].norm_ffn, EPSILON)
            x = F.linear(last, self.output)
        return x, kv


def seconds_of_prefills(model, tokens, rounds, seconds_max):
    """Times of whole prefills by the wall clock, the device waited for."""
    generator = torch.Generator(device=model.device).manual_seed(2)
    ids = torch.randint(model.shape.vocab, (tokens,), device=model.device, generator=generator)
    cos, sin = rope_table(model.shape, tokens, model.device)
    start = model.start(ids)
    wait = torch.cuda.synchronize if model.device.type == "cuda" else lambda: None
    times, until = [], time.monotonic() + seconds_max
    for number in range(rounds + 2):
        if number > 3 and time.monotonic() > until:
            break
        wait()
        begin = time.perf_counter()
        output, kv = model.prefill(ids, start, cos, sin)
        wait()
        if number >= 2:  # the first two warm up
            times.append(time.perf_counter() - begin)
        if not torch.isfinite(output).all():
            sys.exit("torch_prefill: the output is not finite")
        del output, kv
    return times


def measure(name, token_counts, arguments, device):
    shape = SHAPES[name]
    fits = int((arguments.memory_gib * 2**30 - shape.ends_bytes()) // shape.layer_bytes())
    layers = shape.layers if fits >= shape.layers else max(1, min(fits, arguments.layers))
    model = Model(shape, layers, device)
    for tokens in token_counts:
        times = seconds_of_prefills(model, tokens, arguments.rounds, arguments.seconds)
        one = statistics.median(times)
        kv_bytes = 2 * 2 * shape.layers * shape.kv_heads * shape.head_dim * tokens
        print(json.dumps({
            "event": "prefill", "model": name, "tokens": tokens, "seconds": one * shape.layers / layers,
            "seconds_measured": one, "layers_timed": layers, "layers": shape.layers, "rounds": len(times),
            "kv_bytes": kv_bytes, "torch": torch.__version__, "device": str(device),
            "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else "processor",
        }), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", action="append", choices=SHAPES, help="may be given again (default: 8b and 70b)")
    parser.add_argument("--tokens", type=int, action="append", help="may be given again (default: 2048 and 8192)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=20, help="no new round of one figure after so long")
    parser.add_argument("--layers", type=int, default=4, help="timed of a model whose weights do not fit")
    parser.add_argument("--memory-gib", type=float, default=40, help="for weights")
    parser.add_argument("--device", default="cuda")
    arguments = parser.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        print("not run: PyTorch sees no GPU")
        return 77
    device = torch.device(arguments.device)
    with torch.inference_mode():
        for name in arguments.model or ("8b", "70b"):
            measure(name, arguments.tokens or (2048, 8192), arguments, device)
            if device.type == "cuda":
                torch.cuda.empty_cache()
    return 0


if __name__ == "__main__":
    sys.exit(main())
