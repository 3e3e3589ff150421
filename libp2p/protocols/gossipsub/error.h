// What can go wrong in GossipSub, besides what libp2p::Error names.
#pragma once

#include "base/result.h"

namespace libp2p::gossipsub {

enum class Errc {
  kBadTopic = 1,
  kAlreadySubscribed,
  kMessageTooLong,
  kClosed,
  kBadMeshParams,
  kBadThresholds,
  kBadScoreParams,
  kBadTopicScoreParams,
  kBadLimits,
};

base::Error make_error_code(Errc error);

}  // namespace libp2p::gossipsub

template <>
struct boost::system::is_error_code_enum<libp2p::gossipsub::Errc> : std::true_type {};
