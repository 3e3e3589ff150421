"""As much of llama.cpp's C interface as it takes to get the logits of a prompt; for one version, v0.5.0."""

import ctypes
import os
import pathlib

import numpy as np

GGML_TYPE_F32 = 0
FLASH_ATTENTION_DISABLED = 0

_pointer = ctypes.c_void_p
_i32 = ctypes.c_int32
_u32 = ctypes.c_uint32
_f32 = ctypes.c_float
_bool = ctypes.c_bool


class ModelParams(ctypes.Structure):
    _fields_ = [("devices", _pointer), ("tensor_buft_overrides", _pointer), ("n_gpu_layers", _i32), ("split_mode", _i32),
                ("load_mode", _i32), ("lazy_mode", _i32), ("main_gpu", _i32), ("tensor_split", _pointer),
                ("progress_callback", _pointer), ("progress_callback_user_data", _pointer), ("kv_overrides", _pointer),
                ("vocab_only", _bool), ("check_tensors", _bool), ("use_extra_bufts", _bool), ("no_host", _bool),
                ("no_alloc", _bool), ("load_mtp", _bool)]


class ContextParams(ctypes.Structure):
    _fields_ = [("n_ctx", _u32), ("n_batch", _u32), ("n_ubatch", _u32), ("n_seq_max", _u32), ("n_rs_seq", _u32),
                ("n_outputs_max", _u32), ("n_outputs_max_per_seq", _u32), ("n_threads", _i32), ("n_threads_batch", _i32),
                ("ctx_type", _i32), ("rope_scaling_type", _i32), ("pooling_type", _i32), ("attention_type", _i32),
                ("flash_attn_type", _i32), ("rope_freq_base", _f32), ("rope_freq_scale", _f32),
                ("yarn_ext_factor", _f32), ("yarn_attn_factor", _f32), ("yarn_beta_fast", _f32), ("yarn_beta_slow", _f32),
                ("yarn_orig_ctx", _u32), ("defrag_thold", _f32), ("cb_eval", _pointer), ("cb_eval_user_data", _pointer),
                ("type_k", _i32), ("type_v", _i32), ("abort_callback", _pointer), ("abort_callback_data", _pointer),
                ("embeddings", _bool), ("offload_kqv", _bool), ("no_perf", _bool), ("op_offload", _bool),
                ("swa_full", _bool), ("kv_unified", _bool), ("samplers", _pointer), ("n_samplers", ctypes.c_size_t),
                ("ctx_other", _pointer)]


class Batch(ctypes.Structure):
    _fields_ = [("n_tokens", _i32), ("token", ctypes.POINTER(_i32)), ("embd", _pointer), ("pos", ctypes.POINTER(_i32)),
                ("n_seq_id", ctypes.POINTER(_i32)), ("seq_id", ctypes.POINTER(ctypes.POINTER(_i32))),
                ("logits", ctypes.POINTER(ctypes.c_int8))]


def _load(folder):
    """The libraries, with the CPU backend that fits this machine, or None."""
    folder = pathlib.Path(folder).resolve()
    base = ctypes.CDLL(str(folder / "libggml-base.so"), mode=ctypes.RTLD_GLOBAL)
    ggml = ctypes.CDLL(str(folder / "libggml.v0.5.0.so"), mode=ctypes.RTLD_GLOBAL)
    llama = ctypes.CDLL(str(folder / "libllama.v0.5.0.so"), mode=ctypes.RTLD_GLOBAL)
    quiet = ctypes.CFUNCTYPE(None, _i32, ctypes.c_char_p, _pointer)(
        lambda level, text, data: print(text.decode(errors="replace"), end="") if level == 4 else None)
    llama.llama_log_set(quiet, None)
    llama.keep_alive = (quiet, base, ggml)
    ggml.ggml_backend_load_all_from_path(str(folder).encode())
    llama.llama_model_default_params.restype = ModelParams
    llama.llama_context_default_params.restype = ContextParams
    llama.llama_model_load_from_file.restype = _pointer
    llama.llama_model_load_from_file.argtypes = [ctypes.c_char_p, ModelParams]
    llama.llama_init_from_model.restype = _pointer
    llama.llama_init_from_model.argtypes = [_pointer, ContextParams]
    llama.llama_batch_init.restype = Batch
    llama.llama_batch_init.argtypes = [_i32, _i32, _i32]
    llama.llama_decode.argtypes = [_pointer, Batch]
    llama.llama_get_logits_ith.restype = ctypes.POINTER(_f32)
    llama.llama_get_logits_ith.argtypes = [_pointer, _i32]
    llama.llama_free.argtypes = [_pointer]
    llama.llama_model_free.argtypes = [_pointer]
    llama.llama_backend_init()
    return llama


def prompt_logits(folder, gguf_path, tokens, vocab):
    """Logits [token][vocab] of a prompt: F32 weights and KV, no flash attention, one batch."""
    llama = _load(folder)
    params = llama.llama_model_default_params()
    params.n_gpu_layers = 0
    model = llama.llama_model_load_from_file(os.fsencode(gguf_path), params)
    if not model:
        raise SystemExit("llama_cpp: cannot load the model")
    params = llama.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = len(tokens)
    params.n_outputs_max = params.n_outputs_max_per_seq = len(tokens)
    params.n_threads = params.n_threads_batch = os.cpu_count()
    params.flash_attn_type = FLASH_ATTENTION_DISABLED
    params.type_k = params.type_v = GGML_TYPE_F32
    context = llama.llama_init_from_model(model, params)
    if not context:
        raise SystemExit("llama_cpp: cannot make a context")
    batch = llama.llama_batch_init(len(tokens), 0, 1)
    batch.n_tokens = len(tokens)
    for i, token in enumerate(tokens):
        batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = int(token), i, 1, 1
        batch.seq_id[i][0] = 0
    if llama.llama_decode(context, batch) != 0:
        raise SystemExit("llama_cpp: llama_decode failed")
    rows = [np.ctypeslib.as_array(llama.llama_get_logits_ith(context, i), (vocab,)).copy() for i in range(len(tokens))]
    llama.llama_free(context)
    llama.llama_model_free(model)
    return np.stack(rows)
