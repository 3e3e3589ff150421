#include "libp2p/protocols/relay/error.h"

#include <string>

namespace libp2p::relay {

namespace {

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "relay"; }
  std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::kReservationRefused:
        return "the relay has no room for a reservation; try another relay, or later";
      case Errc::kResourceLimitExceeded:
        return "the relay carries as many connections as it may; try another relay, or later";
      case Errc::kPermissionDenied:
        return "the relay does not serve this node";
      case Errc::kConnectionFailed:
        return "the relay could not reach the peer";
      case Errc::kNoReservation:
        return "the peer has no reservation at this relay: its address is out of date";
      case Errc::kMessageRefused:
        return "the relay did not understand what it was asked";
      case Errc::kUnknownStatus:
        return "the relay answered with a status that the protocol does not know";
      case Errc::kRelayIsRelayed:
        return "the relay is itself reached through a relay only";
      case Errc::kBadReservation:
        return "the relay granted a reservation that is over already, or for somebody else";
      case Errc::kBadLimits:
        return "a relay's limit on reservations, circuits, time or rate is 0: see ServerLimits";
    }
    return "unknown error";
  }
};

}  // namespace

base::Error make_error_code(Errc error) {
  static const Category category;
  return {static_cast<int>(error), category};
}

}  // namespace libp2p::relay
