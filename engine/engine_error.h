// The engine module's expected failures.
#pragma once

#include "base/result.h"

namespace kvp2p::engine {

enum class EngineError {
  kFileUnreadable = 1,
  kFileTooLarge,
  kBadJson,
  kConfigFieldMissing,
  kConfigFieldOutOfBounds,
  kUnsupportedArchitecture,
  kUnsupportedRopeScaling,
  kBadSafetensorsHeader,
  kTensorOutOfFile,
  kTensorsOverlap,
  kTensorSizeMismatch,
  kDuplicateTensor,
  kBadShardName,
  kTensorMissing,
  kTensorShapeMismatch,
  kUnsupportedDtype,
  kBadSyntheticSpec,
  kModelTooLarge,
  kTokenOutOfVocabulary,
  kEmptyPrompt,
  kContextTooLong,
  kOutOfKvBlocks,
  kBadTokenFile,
  kBadVocabulary,
  kNoCublas,
  kDeviceFailed,
  kOutOfDeviceMemory,
};

const boost::system::error_category& engine_category();

inline boost::system::error_code make_error_code(EngineError e) { return {static_cast<int>(e), engine_category()}; }

}  // namespace kvp2p::engine

template <>
struct boost::system::is_error_code_enum<kvp2p::engine::EngineError> : std::true_type {};
