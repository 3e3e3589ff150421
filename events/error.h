// What can go wrong with publishing events.
#pragma once

#include "base/result.h"

namespace kvp2p {

enum class EventsError {
  kBadEndpoint = 1,
  kCannotBind,
  kNotBuilt,
};

base::Error make_error_code(EventsError error);

}  // namespace kvp2p

template <>
struct boost::system::is_error_code_enum<kvp2p::EventsError> : std::true_type {};
