// The errors of kv/.
#pragma once

#include "base/result.h"

#include <type_traits>

namespace kvp2p {

enum class KvError {
  kNoWeights = 1,  ///< a model folder without weight files
  kWeightsUnreadable,
  kWeightsChanged,  ///< a weight file was written while it was hashed
  kTooManyWeightFiles,
};

const boost::system::error_category& kv_error_category();

inline boost::system::error_code make_error_code(KvError e) { return {static_cast<int>(e), kv_error_category()}; }

}  // namespace kvp2p

template <>
struct boost::system::is_error_code_enum<kvp2p::KvError> : std::true_type {};
