// What can go wrong in a block store.
#pragma once

#include "base/result.h"

namespace kvp2p {

enum class StorageError {
  kNoRoom = 1,
  kBadFormat,
};

base::Error make_error_code(StorageError error);

}  // namespace kvp2p

template <>
struct boost::system::is_error_code_enum<kvp2p::StorageError> : std::true_type {};
