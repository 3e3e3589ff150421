#include "libp2p/protocols/kad/message.h"

#include "libp2p/core/error.h"
#include "libp2p/core/proto_fields.h"

namespace libp2p::kad {

namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

enum MessageField : std::uint32_t { kType = 1, kKey = 2, kRecord = 3, kCloserPeers = 8, kProviderPeers = 9 };
enum PeerField : std::uint32_t { kPeerId = 1, kPeerAddresses = 2 };
enum RecordField : std::uint32_t { kRecordKey = 1, kRecordValue = 2 };

/// Calls `take(field)` for each field; false if the bytes are no message, or it says so.
template <class Take>
bool each_field(base::ConstBytes bytes, Take take) {
  ProtoReader reader(bytes);
  ProtoField field;
  for (;;) {
    const auto step = reader.next(field);
    if (step == ProtoReader::Step::kEnd) return true;
    if (step == ProtoReader::Step::kMalformed || !take(field)) return false;
  }
}

void add_address(base::ConstBytes bytes, PeerEntry& into, std::size_t& bytes_left) {
  if (into.addresses.size() >= kPeerAddressesMax || bytes.size() > bytes_left) return;
  auto address = Multiaddr::from_bytes(bytes);
  if (!address || address->empty()) return;
  const auto named = address->peer_id();
  if (named && *named != into.id) return;
  if (named) *address = address->without_peer();
  if (address->empty()) return;
  bytes_left -= address->to_bytes().size();
  into.addresses.push_back(std::move(*address));
}

bool parse_peer(base::ConstBytes bytes, std::vector<PeerEntry>& into) {
  if (into.size() >= kMessagePeersMax) return true;
  PeerEntry entry;
  std::vector<base::ConstBytes> addresses;
  const bool ok = each_field(bytes, [&](const ProtoField& field) {
    if (field.number == kPeerId) {
      if (const auto id = PeerId::from_bytes(field.bytes)) entry.id = *id;
    }
    // The id may come after them.
    if (field.number == kPeerAddresses && field.is_bytes && addresses.size() < 4 * kPeerAddressesMax) {
      addresses.push_back(field.bytes);
    }
    return true;
  });
  if (!ok || entry.id.empty()) return ok;
  std::size_t bytes_left = kPeerAddressBytesMax;
  for (const base::ConstBytes address : addresses) add_address(address, entry, bytes_left);
  into.push_back(std::move(entry));
  return true;
}

bool parse_record(base::ConstBytes bytes, std::optional<Record>& into) {
  Record record;
  const bool ok = each_field(bytes, [&](const ProtoField& field) {
    if (field.number == kRecordKey) record.key = base::to_bytes(field.bytes);
    if (field.number == kRecordValue) record.value = base::to_bytes(field.bytes);
    return record.key.size() <= kMessageKeyBytesMax && record.value.size() <= kMessageValueBytesMax;
  });
  if (ok) into = std::move(record);
  return ok;
}

bool parse_field(const ProtoField& field, Message& into) {
  switch (field.number) {
    case kType:
      if (field.is_bytes || field.varint > static_cast<std::uint32_t>(MessageType::kPing)) return false;
      into.type = static_cast<MessageType>(field.varint);
      return true;
    case kKey:
      if (field.bytes.size() > kMessageKeyBytesMax) return false;
      into.key = base::to_bytes(field.bytes);
      return true;
    case kRecord:
      return parse_record(field.bytes, into.record);
    case kCloserPeers:
      return parse_peer(field.bytes, into.closer);
    case kProviderPeers:
      return parse_peer(field.bytes, into.providers);
    default:
      return true;
  }
}

base::Bytes serialise_peer(const PeerEntry& entry) {
  base::Bytes bytes;
  append_bytes_field(bytes, kPeerId, entry.id.as_bytes());
  std::size_t bytes_left = kPeerAddressBytesMax;
  std::size_t count = 0;
  for (const Multiaddr& address : entry.addresses) {
    if (address.to_bytes().size() > bytes_left || count == kPeerAddressesMax) continue;
    ++count;
    bytes_left -= address.to_bytes().size();
    append_bytes_field(bytes, kPeerAddresses, address.to_bytes());
  }
  return bytes;
}

void append_peers(base::Bytes& to, std::uint32_t field, const std::vector<PeerEntry>& peers) {
  std::size_t count = 0;
  for (const PeerEntry& entry : peers) {
    const base::Bytes bytes = serialise_peer(entry);
    if (to.size() + bytes_field_size(bytes.size()) > kSentMessageBytesMax || count == kMessagePeersMax) return;
    append_bytes_field(to, field, bytes);
    ++count;
  }
}

}  // namespace

base::Result<Message> parse_message(base::ConstBytes bytes) {
  // The type that is not written is 0, as all of protobuf's.
  Message message{.type = MessageType::kPutValue};
  const bool ok = each_field(bytes, [&](const ProtoField& field) { return parse_field(field, message); });
  if (!ok) return Error::kMalformedMessage;
  return message;
}

base::Bytes serialise_message(const Message& message) {
  base::Bytes bytes;
  append_varint_field(bytes, kType, static_cast<std::uint32_t>(message.type));
  if (!message.key.empty()) append_bytes_field(bytes, kKey, message.key);
  if (message.record) {
    base::Bytes record;
    append_bytes_field(record, kRecordKey, message.record->key);
    append_bytes_field(record, kRecordValue, message.record->value);
    append_bytes_field(bytes, kRecord, record);
  }
  append_peers(bytes, kProviderPeers, message.providers);
  append_peers(bytes, kCloserPeers, message.closer);
  return bytes;
}

}  // namespace libp2p::kad
