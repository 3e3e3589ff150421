// What the tests of gossipsub share: keys and peers that are the same in every run, messages, and RPCs by hand.
#pragma once

#include "libp2p/core/proto_fields.h"
#include "libp2p/protocols/gossipsub/rpc.h"
#include "multiformats/varint.h"

#include <array>
#include <string>

namespace libp2p::gossipsub::testing {

inline multiformats::PrivateKey key(std::uint8_t number) {
  std::array<std::uint8_t, multiformats::kEd25519SeedBytes> seed{};
  seed[0] = number;
  seed[1] = 1;
  return multiformats::PrivateKey::from_ed25519_seed(seed);
}

inline multiformats::PeerId peer(std::uint8_t number) {
  return multiformats::PeerId::from_public_key(key(number).public_key());
}

inline MessagePtr message(std::uint8_t author, std::uint64_t seqno, const std::string& topic = "topic",
                          const std::string& data = "data") {
  return sign_message(key(author), seqno, topic, base::as_bytes(data), default_message_id);
}

/// An RPC's bytes without the length before them.
inline base::ConstBytes without_length(const base::Bytes& frame) {
  const auto length = multiformats::read_uvarint(frame).value();
  return base::ConstBytes(frame).subspan(length.size);
}

/// The Message within a frame.
inline base::Bytes message_body(const Message& message) {
  ProtoReader reader(without_length(*message.frame));
  ProtoField field;
  reader.next(field);
  return base::to_bytes(field.bytes);
}

/// The message as a peer that received it sees it. Points into `message`.
inline RawMessage raw(const Message& message) {
  return parse_rpc(without_length(*message.frame)).value().publish.at(0);
}

/// An RPC, length first, with one message made of these fields.
inline base::Bytes frame_of(const base::Bytes& message_fields) {
  base::Bytes rpc;
  append_bytes_field(rpc, 2, message_fields);
  base::Bytes frame;
  multiformats::append_uvarint(frame, rpc.size());
  base::append(frame, rpc);
  return frame;
}

}  // namespace libp2p::gossipsub::testing
