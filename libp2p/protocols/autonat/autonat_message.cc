#include "libp2p/protocols/autonat/autonat_message.h"

#include "libp2p/core/error.h"
#include "libp2p/protocols/autonat/autonat.pb.h"

namespace libp2p::autonat {

namespace {

template <class Pb>
base::Result<Pb> parse_protobuf(base::ConstBytes bytes) {
  if (bytes.size() > kMessageBytesMax) return Error::kMessageTooLong;
  Pb message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return Error::kMalformedMessage;
  return message;
}

template <class Pb>
base::Bytes bytes_of(const Pb& message) {
  return base::to_bytes(base::as_bytes(message.SerializeAsString()));
}

DialRequest read(const pb::DialRequest& from) {
  DialRequest request;
  request.nonce = from.nonce();
  for (const std::string& each : from.addrs()) {
    if (request.addresses.size() == kRequestAddressesMax) break;
    auto address = multiformats::Multiaddr::from_bytes(base::as_bytes(each));
    request.addresses.push_back(address ? std::move(*address) : multiformats::Multiaddr());
  }
  return request;
}

DialResponse read(const pb::DialResponse& from) {
  return DialResponse{static_cast<ResponseStatus>(from.status()), from.addridx(),
                      static_cast<DialStatus>(from.dialstatus())};
}

void write(const DialRequest& from, pb::Message& to) {
  for (const auto& each : from.addresses) {
    to.mutable_dialrequest()->add_addrs(std::string(base::as_text(each.to_bytes())));
  }
  to.mutable_dialrequest()->set_nonce(from.nonce);
}

void write(const DialResponse& from, pb::Message& to) {
  auto& response = *to.mutable_dialresponse();
  response.set_status(static_cast<std::uint32_t>(from.status));
  response.set_addridx(from.address_index);
  response.set_dialstatus(static_cast<std::uint32_t>(from.dial_status));
}

void write(const DialDataRequest& from, pb::Message& to) {
  to.mutable_dialdatarequest()->set_addridx(from.address_index);
  to.mutable_dialdatarequest()->set_numbytes(from.bytes);
}

void write(const DialDataResponse& from, pb::Message& to) {
  to.mutable_dialdataresponse()->set_data(std::string(from.bytes, '\0'));
}

}  // namespace

base::Result<Message> parse_message(base::ConstBytes bytes) {
  const auto pb = parse_protobuf<pb::Message>(bytes);
  if (!pb) return pb.error();
  switch (pb->msg_case()) {
    case pb::Message::kDialRequest:
      return Message(read(pb->dialrequest()));
    case pb::Message::kDialResponse:
      return Message(read(pb->dialresponse()));
    case pb::Message::kDialDataRequest:
      return Message(DialDataRequest{pb->dialdatarequest().addridx(), pb->dialdatarequest().numbytes()});
    case pb::Message::kDialDataResponse:
      return Message(DialDataResponse{pb->dialdataresponse().data().size()});
    default:
      return Error::kMalformedMessage;
  }
}

base::Bytes serialise(const Message& message) {
  pb::Message pb;
  std::visit([&pb](const auto& each) { write(each, pb); }, message);
  return bytes_of(pb);
}

base::Result<std::uint64_t> parse_dial_back(base::ConstBytes bytes) {
  const auto pb = parse_protobuf<pb::DialBack>(bytes);
  if (!pb) return pb.error();
  return pb->nonce();
}

base::Bytes serialise_dial_back(std::uint64_t nonce) {
  pb::DialBack pb;
  pb.set_nonce(nonce);
  return bytes_of(pb);
}

base::Result<> parse_dial_back_response(base::ConstBytes bytes) {
  const auto pb = parse_protobuf<pb::DialBackResponse>(bytes);
  if (!pb) return pb.error();
  if (pb->status() != 0) return Error::kMalformedMessage;
  return {};
}

base::Bytes serialise_dial_back_response() { return {}; }

}  // namespace libp2p::autonat
