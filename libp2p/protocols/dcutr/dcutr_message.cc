#include "libp2p/protocols/dcutr/dcutr_message.h"

#include "libp2p/core/error.h"
#include "libp2p/protocols/dcutr/dcutr.pb.h"

namespace libp2p::dcutr {

base::Result<HolePunch> parse_hole_punch(base::ConstBytes bytes) {
  if (bytes.size() > kMessageBytesMax) return Error::kMessageTooLong;
  pb::HolePunch pb;
  if (!pb.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return Error::kMalformedMessage;
  HolePunch message;
  message.type = static_cast<HolePunch::Type>(pb.type());
  if (message.type != HolePunch::Type::kConnect && message.type != HolePunch::Type::kSync) {
    return Error::kMalformedMessage;
  }
  for (const std::string& each : pb.obsaddrs()) {
    if (message.addresses.size() == kMessageAddressesMax) break;
    auto address = multiformats::Multiaddr::from_bytes(base::as_bytes(each));
    if (address && !address->empty()) message.addresses.push_back(std::move(*address));
  }
  return message;
}

base::Bytes serialise(const HolePunch& message) {
  // Of an address that has its length, and of what else there is.
  constexpr std::size_t kOverheadBytes = 8;
  pb::HolePunch pb;
  pb.set_type(static_cast<std::uint32_t>(message.type));
  std::size_t bytes = kOverheadBytes;
  for (const auto& address : message.addresses) {
    bytes += address.to_bytes().size() + kOverheadBytes;
    if (bytes > kMessageBytesMax) break;
    pb.add_obsaddrs(std::string(base::as_text(address.to_bytes())));
  }
  return base::to_bytes(base::as_bytes(pb.SerializeAsString()));
}

}  // namespace libp2p::dcutr
