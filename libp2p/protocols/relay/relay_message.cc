#include "libp2p/protocols/relay/relay_message.h"

#include "libp2p/core/error.h"
#include "libp2p/protocols/relay/relay.pb.h"

namespace libp2p::relay {

namespace {

std::string to_string(base::ConstBytes bytes) { return std::string(base::as_text(bytes)); }

template <class Pb>
base::Result<Pb> parse_protobuf(base::ConstBytes bytes) {
  if (bytes.size() > kMessageBytesMax) return Error::kMessageTooLong;
  Pb message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return Error::kMalformedMessage;
  if (!message.has_type()) return Error::kMalformedMessage;
  return message;
}

/// What both kinds of message hold. Nothing if the peer named is none.
template <class Message, class Pb>
bool read_common(const Pb& pb, Message& message) {
  message.status = static_cast<Status>(pb.status());
  message.limit = Limit{pb.limit().duration(), pb.limit().data()};
  if (!pb.has_peer()) return true;
  const auto peer = multiformats::PeerId::from_bytes(base::as_bytes(pb.peer().id()));
  if (peer) message.peer = *peer;
  return peer.has_value();
}

template <class Message, class Pb>
void write_common(const Message& message, Pb& pb) {
  pb.set_type(static_cast<std::uint32_t>(message.type));
  if (message.status != Status::kNone) pb.set_status(static_cast<std::uint32_t>(message.status));
  if (message.limit.duration_s != 0) pb.mutable_limit()->set_duration(message.limit.duration_s);
  if (message.limit.data_bytes != 0) pb.mutable_limit()->set_data(message.limit.data_bytes);
  if (message.peer) pb.mutable_peer()->set_id(to_string(message.peer->as_bytes()));
}

Reservation read_reservation(const pb::Reservation& pb) {
  Reservation reservation;
  reservation.expire_unix_s = pb.expire();
  reservation.voucher = base::to_bytes(base::as_bytes(pb.voucher()));
  for (const std::string& bytes : pb.addrs()) {
    if (reservation.addresses.size() == kMessageAddressesMax) break;
    auto address = multiformats::Multiaddr::from_bytes(base::as_bytes(bytes));
    if (address && !address->empty()) reservation.addresses.push_back(std::move(*address));
  }
  return reservation;
}

void write_reservation(const Reservation& reservation, pb::Reservation& pb) {
  pb.set_expire(reservation.expire_unix_s);
  if (!reservation.voucher.empty()) pb.set_voucher(to_string(reservation.voucher));
  for (const auto& address : reservation.addresses) pb.add_addrs(to_string(address.to_bytes()));
}

}  // namespace

base::Result<HopMessage> parse_hop_message(base::ConstBytes bytes) {
  const auto pb = parse_protobuf<pb::HopMessage>(bytes);
  if (!pb) return pb.error();
  HopMessage message;
  if (pb->type() > static_cast<std::uint32_t>(HopMessage::Type::kStatus)) return Error::kMalformedMessage;
  message.type = static_cast<HopMessage::Type>(pb->type());
  if (!read_common(*pb, message)) return Error::kMalformedMessage;
  if (pb->has_reservation()) message.reservation = read_reservation(pb->reservation());
  return message;
}

base::Result<StopMessage> parse_stop_message(base::ConstBytes bytes) {
  const auto pb = parse_protobuf<pb::StopMessage>(bytes);
  if (!pb) return pb.error();
  StopMessage message;
  if (pb->type() > static_cast<std::uint32_t>(StopMessage::Type::kStatus)) return Error::kMalformedMessage;
  message.type = static_cast<StopMessage::Type>(pb->type());
  if (!read_common(*pb, message)) return Error::kMalformedMessage;
  return message;
}

base::Bytes serialise(const HopMessage& message) {
  pb::HopMessage pb;
  write_common(message, pb);
  if (message.reservation) write_reservation(*message.reservation, *pb.mutable_reservation());
  return base::to_bytes(base::as_bytes(pb.SerializeAsString()));
}

base::Bytes serialise(const StopMessage& message) {
  pb::StopMessage pb;
  write_common(message, pb);
  return base::to_bytes(base::as_bytes(pb.SerializeAsString()));
}

}  // namespace libp2p::relay
