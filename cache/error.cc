#include "cache/error.h"

namespace kvp2p {

namespace {

const char* text_of(KvError error) {
  switch (error) {
    case KvError::kUnknownId:
      return "unknown id: it was never given out, or is released already";
    case KvError::kBadRequest:
      return "bad request: keys, slots and shards must be given, as many slots as keys, within bounds";
    case KvError::kMatchPending:
      return "the match is not decided yet: wait for it first";
    case KvError::kMatchExpired:
      return "the match's leases have ended: match again";
    case KvError::kNotMatched:
      return "blocks were asked for that the match did not find: ask for its leading blocks only";
    case KvError::kUnknownModel:
      return "model is not registered: call register_model first";
    case KvError::kFormatMismatch:
      return "the region's format is not the one that was matched: element type, planes, head_dim and shard must be "
             "equal";
    case KvError::kSlotOutOfRange:
      return "slot is outside the region's blocks, or given twice";
    case KvError::kBadLayerOrder:
      return "layer order must name each layer of the region once, or be empty";
    case KvError::kDeadline:
      return "deadline passed";
    case KvError::kDropped:
      return "blocks were dropped: the block store has no room for them; give it more bytes";
    case KvError::kNotRevoked:
      return "the offer is not revoked: call revoke first";
    case KvError::kTooMany:
      return "too many requests are open: release those that are done";
    case KvError::kStopping:
      return "the node is stopping";
  }
  return "unknown error";
}

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "kv"; }
  std::string message(int value) const override { return text_of(static_cast<KvError>(value)); }
};

}  // namespace

base::Error make_error_code(KvError error) {
  static const Category category;
  return {static_cast<int>(error), category};
}

}  // namespace kvp2p
