#include "libp2p/protocols/gossipsub/error.h"

#include <string>

namespace libp2p::gossipsub {

namespace {

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "gossipsub"; }
  std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::kBadTopic:
        return "a topic's name has 1 to 256 bytes";
      case Errc::kAlreadySubscribed:
        return "the topic has a subscription already: end that one first";
      case Errc::kMessageTooLong:
        return "the message is longer than Config::message_bytes_max";
      case Errc::kClosed:
        return "gossipsub has been closed";
      case Errc::kBadMeshParams:
        return "mesh parameters contradict each other: see MeshParams";
      case Errc::kBadThresholds:
        return "score thresholds are out of order: see ScoreThresholds";
      case Errc::kBadScoreParams:
        return "a score parameter has the wrong sign or range: see ScoreParams";
      case Errc::kBadTopicScoreParams:
        return "a topic's score parameter has the wrong sign or range: see TopicScoreParams";
      case Errc::kBadLimits:
        return "a limit is 0, or a message does not fit into an RPC: see Limits";
    }
    return "unknown error";
  }
};

}  // namespace

base::Error make_error_code(Errc error) {
  static const Category category;
  return {static_cast<int>(error), category};
}

}  // namespace libp2p::gossipsub
