#include "libp2p/protocols/identify/identify_message.h"

#include "libp2p/core/error.h"
#include "multiformats/varint.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>

namespace libp2p {

namespace {

using google::protobuf::internal::WireFormatLite;

enum Field : std::uint32_t {
  kPublicKey = 1,
  kListenAddrs = 2,
  kProtocols = 3,
  kObservedAddr = 4,
  kProtocolVersion = 5,
  kAgentVersion = 6,
  kSignedPeerRecord = 8,
};

bool is_printable(char c) { return c >= 0x20 && c < 0x7f; }

bool is_protocol_id(const std::string& id) {
  return id.size() <= kIdentifyProtocolMaxBytes && id.starts_with('/') &&
         std::all_of(id.begin(), id.end(), is_printable);
}

std::string clean_version(std::string version) {
  version.resize(std::min(version.size(), kIdentifyVersionMaxBytes));
  std::replace_if(
      version.begin(), version.end(), [](char c) { return !is_printable(c); }, '?');
  return version;
}

void merge_field(std::uint32_t field, std::string value, IdentifyMessage& into) {
  switch (field) {
    case kPublicKey:
      into.public_key = base::to_bytes(base::as_bytes(value));
      break;
    case kListenAddrs:
      if (auto address = multiformats::Multiaddr::from_bytes(base::as_bytes(value));
          address && !address->empty() && into.listen_addresses.size() < kIdentifyAddressesMax) {
        into.listen_addresses.push_back(std::move(*address));
      }
      break;
    case kProtocols:
      if (is_protocol_id(value) && into.protocols.size() < kIdentifyProtocolsMax) {
        into.protocols.push_back(std::move(value));
      }
      break;
    case kObservedAddr:
      if (auto address = multiformats::Multiaddr::from_bytes(base::as_bytes(value)); address && !address->empty()) {
        into.observed_address = std::move(*address);
      }
      break;
    case kProtocolVersion:
      into.protocol_version = clean_version(std::move(value));
      break;
    case kAgentVersion:
      into.agent_version = clean_version(std::move(value));
      break;
    case kSignedPeerRecord:
      into.signed_peer_record = base::to_bytes(base::as_bytes(value));
      break;
    default:
      break;
  }
}

/// Packs fields into messages, beginning a new one when the next field would make the last too long.
class MessagePacker {
 public:
  void add(Field field, base::ConstBytes value) {
    base::Bytes encoded;
    multiformats::append_uvarint(encoded, field << 3 | WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
    multiformats::append_uvarint(encoded, value.size());
    base::append(encoded, value);
    if (encoded.size() > kIdentifySentMessageMaxBytes) return;
    if (messages_.back().size() + encoded.size() > kIdentifySentMessageMaxBytes) begin_message();
    if (messages_.size() <= kIdentifyMessagesMax) base::append(messages_.back(), encoded);
  }

  void begin_message() { messages_.emplace_back(); }

  std::vector<base::Bytes> finish() && {
    messages_.resize(std::min(messages_.size(), kIdentifyMessagesMax));
    return std::move(messages_);
  }

 private:
  std::vector<base::Bytes> messages_{1};
};

}  // namespace

base::Result<> merge_identify_message(base::ConstBytes bytes, IdentifyMessage& into) {
  if (bytes.size() > kIdentifyMessageMaxBytes) return Error::kMessageTooLong;
  google::protobuf::io::CodedInputStream in(bytes.data(), static_cast<int>(bytes.size()));
  while (const std::uint32_t tag = in.ReadTag()) {
    if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      if (!WireFormatLite::SkipField(&in, tag)) return Error::kMalformedMessage;
      continue;
    }
    std::string value;
    if (!WireFormatLite::ReadBytes(&in, &value)) return Error::kMalformedMessage;
    merge_field(static_cast<std::uint32_t>(WireFormatLite::GetTagFieldNumber(tag)), std::move(value), into);
  }
  // A tag of zero, too, ends the loop, and is no tag.
  if (!in.ConsumedEntireMessage()) return Error::kMalformedMessage;
  return {};
}

std::vector<base::Bytes> serialise_identify_message(const IdentifyMessage& message) {
  MessagePacker packer;
  // What every peer needs goes first; the lists may run over into another message.
  if (message.public_key) packer.add(kPublicKey, *message.public_key);
  if (message.protocol_version) packer.add(kProtocolVersion, base::as_bytes(*message.protocol_version));
  if (message.agent_version) packer.add(kAgentVersion, base::as_bytes(*message.agent_version));
  if (message.observed_address) packer.add(kObservedAddr, message.observed_address->to_bytes());
  for (const std::string& protocol : message.protocols) packer.add(kProtocols, base::as_bytes(protocol));
  for (const auto& address : message.listen_addresses) packer.add(kListenAddrs, address.to_bytes());
  if (message.signed_peer_record) {
    packer.begin_message();
    packer.add(kSignedPeerRecord, *message.signed_peer_record);
  }
  return std::move(packer).finish();
}

}  // namespace libp2p
