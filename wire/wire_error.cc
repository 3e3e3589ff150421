#include "wire/wire_error.h"

#include <string>

namespace kvp2p::wire {

namespace {

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "wire"; }
  std::string message(int code) const override {
    switch (static_cast<WireError>(code)) {
      case WireError::kTruncated:
        return "the message ends inside a value";
      case WireError::kTrailingBytes:
        return "bytes follow the end of the message";
      case WireError::kWrongType:
        return "a field has another type than the protocol says";
      case WireError::kOutOfBounds:
        return "a field is larger than the protocol allows";
      case WireError::kFieldOrder:
        return "the field numbers of a map do not ascend";
      case WireError::kMissingField:
        return "a field that the message needs is missing";
      case WireError::kBadValue:
        return "a field has a value that the protocol does not know";
      case WireError::kTooDeep:
        return "a field is nested deeper than the protocol allows";
      case WireError::kUnknownMessage:
        return "this version of the protocol does not know the message";
    }
    return "unknown wire error";
  }
};

}  // namespace

base::Error make_error_code(WireError error) {
  static const Category category;
  return {static_cast<int>(error), category};
}

}  // namespace kvp2p::wire
