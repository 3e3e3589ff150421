#include "engine/engine_error.h"

namespace kvp2p::engine {
namespace {

const char* message_of(EngineError e) {
  switch (e) {
    case EngineError::kFileUnreadable:
      return "cannot read a file of the model; check the path and its permissions";
    case EngineError::kFileTooLarge:
      return "a file of the model is larger than this engine accepts";
    case EngineError::kBadJson:
      return "a file of the model is not valid JSON of the expected form";
    case EngineError::kConfigFieldMissing:
      return "config.json lacks a field that a Llama model needs";
    case EngineError::kConfigFieldOutOfBounds:
      return "config.json has a field that is out of bounds or contradicts another";
    case EngineError::kUnsupportedArchitecture:
      return "the model is not a plain Llama (no biases, SiLU, full attention, not quantised); use another model";
    case EngineError::kUnsupportedRopeScaling:
      return "the model's RoPE scaling is not supported; only none and llama3 are";
    case EngineError::kBadSafetensorsHeader:
      return "a safetensors header is malformed; fetch the file again";
    case EngineError::kTensorOutOfFile:
      return "a safetensors header points outside its file; the file may be cut short, fetch it again";
    case EngineError::kTensorsOverlap:
      return "a safetensors file has tensors that overlap or leave gaps";
    case EngineError::kTensorSizeMismatch:
      return "a safetensors tensor's bytes do not fit its shape and dtype";
    case EngineError::kDuplicateTensor:
      return "a tensor is named twice";
    case EngineError::kBadShardName:
      return "model.safetensors.index.json names a file outside the model's folder or too many files";
    case EngineError::kTensorMissing:
      return "the model lacks a tensor that its config.json implies";
    case EngineError::kTensorShapeMismatch:
      return "a tensor's shape contradicts config.json";
    case EngineError::kUnsupportedDtype:
      return "a tensor's dtype is not F32, F16 or BF16; convert the model";
    case EngineError::kBadSyntheticSpec:
      return "bad synthetic model; write for example synthetic:layers=4,hidden=256,heads=8,kv_heads=2,seed=7";
    case EngineError::kModelTooLarge:
      return "the model has more parameters than this engine accepts";
    case EngineError::kTokenOutOfVocabulary:
      return "a token id is not in the model's vocabulary; use the tokenizer that belongs to the model";
    case EngineError::kEmptyPrompt:
      return "the prompt has no tokens";
    case EngineError::kContextTooLong:
      return "prompt and output do not fit the model's context; shorten them";
    case EngineError::kOutOfKvBlocks:
      return "no free KV blocks; give the engine more blocks or a shorter prompt";
    case EngineError::kBadTokenFile:
      return "the token file must hold one decimal token id a line";
    case EngineError::kBadVocabulary:
      return "vocab.json must be an array of token texts";
    case EngineError::kNoCublas:
      return "--device=cuda needs cuBLAS for the engine: install CUDA's libraries or PyTorch, or set KVP2P_CUBLAS to "
             "the folder of libcublas.so";
    case EngineError::kDeviceFailed:
      return "the GPU failed; the log says how";
    case EngineError::kOutOfDeviceMemory:
      return "the GPU has not enough free memory for this model and prompt";
  }
  return "unknown engine error";
}

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "kvp2p.engine"; }
  std::string message(int value) const override { return message_of(static_cast<EngineError>(value)); }
};

}  // namespace

const boost::system::error_category& engine_category() {
  static const Category category;
  return category;
}

}  // namespace kvp2p::engine
