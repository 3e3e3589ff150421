#include "direct/error.h"

namespace kvp2p {

namespace {

const char* text_of(DirectError error) {
  switch (error) {
    case DirectError::kNoListener:
      return "its socket is not on this host, or is in another network namespace";
    case DirectError::kOtherUser:
      return "it runs as another user: run both as the same one";
    case DirectError::kRefused:
      return "it refused";
    case DirectError::kBrokenProtocol:
      return "it broke the protocol of the direct path";
    case DirectError::kOwnerGone:
      return "it closed the direct path";
    case DirectError::kTimeout:
      return "it did not open the direct path in time";
    case DirectError::kTooManyOwners:
      return "too many peers of this host have their memory open here";
    case DirectError::kNoDescriptors:
      return "no file descriptors left: raise the limit (ulimit -n)";
    case DirectError::kClosing:
      return "this node is closing";
    case DirectError::kForgotten:
      return "the session with it ended";
    case DirectError::kTooManyCloses:
      return "too many peers' regions wait to be closed here";
  }
  return "unknown error";
}

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "direct"; }
  std::string message(int value) const override { return text_of(static_cast<DirectError>(value)); }
};

}  // namespace

base::Error make_error_code(DirectError error) {
  static const Category category;
  return {static_cast<int>(error), category};
}

}  // namespace kvp2p
