#include "exchange/exchange_error.h"

#include <string>

namespace kvp2p {

namespace {

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "exchange"; }
  std::string message(int code) const override {
    switch (static_cast<ExchangeError>(code)) {
      case ExchangeError::kNotConnected:
        return "no connection to this peer, or it does not speak the KV protocol";
      case ExchangeError::kNotAuthorised:
        return "not authorised; both nodes need the same cluster key (--cluster-key)";
      case ExchangeError::kTimeout:
        return "the peer did not answer before the deadline";
      case ExchangeError::kBusy:
        return "the peer is busy; try again later";
      case ExchangeError::kTooManyRequests:
        return "too many requests to this peer are under way";
      case ExchangeError::kLeaseUnknown:
        return "the lease has ended or is not this peer's; look the blocks up again";
      case ExchangeError::kBlockGone:
        return "the holder does not have the block any more";
      case ExchangeError::kShardNotHeld:
        return "the holder does not have these layers or heads";
      case ExchangeError::kProtocolBroken:
        return "the peer broke the KV protocol";
      case ExchangeError::kPeerGone:
        return "the peer went away";
      case ExchangeError::kPeerFailed:
        return "the peer could not serve the request; its log says why";
      case ExchangeError::kBadRequest:
        return "the request is outside the protocol's bounds";
      case ExchangeError::kSliceTooLarge:
        return "one layer of a block does not fit a staging slot; enlarge the slots";
      case ExchangeError::kCancelled:
        return "cancelled";
      case ExchangeError::kOtherVersion:
        return "the peer speaks another version of the KV protocol; upgrade the older node";
      case ExchangeError::kRightsChanged:
        return "the cluster file has changed what this peer may do; a new session begins";
      case ExchangeError::kClosing:
        return "this node is shutting down";
    }
    return "unknown exchange error";
  }
};

}  // namespace

base::Error make_error_code(ExchangeError error) {
  static const Category category;
  return {static_cast<int>(error), category};
}

}  // namespace kvp2p
