#include "libp2p/protocols/kad/error.h"

#include <string>

namespace libp2p::kad {

namespace {

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "kad"; }
  std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::kClosed:
        return "the DHT has been closed";
      case Errc::kBadConfig:
        return "a parameter of the DHT is 0 or contradicts another: see kad::Config";
      case Errc::kBadKey:
        return "the key is empty or too long: providers' keys have 1 to 80 bytes, values' keys 1 to 1024";
      case Errc::kValueTooLong:
        return "the value is longer than Limits::value_bytes_max";
      case Errc::kNoValidator:
        return "the key is not /<namespace>/… with a namespace that has a validator: see Config::validators";
      case Errc::kInvalidValue:
        return "the validator of the key's namespace refuses the value";
      case Errc::kTooManyQueries:
        return "too many queries are under way: try again later";
      case Errc::kTooManyKept:
        return "too many keys are provided or kept by this node already: stop some first";
      case Errc::kNoPeers:
        return "no peer of the DHT is known: add an address or connect to one first";
      case Errc::kNotFound:
        return "nobody who was asked knows it";
      case Errc::kNotStored:
        return "no peer has taken it";
    }
    return "unknown error";
  }
};

}  // namespace

base::Error make_error_code(Errc error) {
  static const Category category;
  return {static_cast<int>(error), category};
}

}  // namespace libp2p::kad
