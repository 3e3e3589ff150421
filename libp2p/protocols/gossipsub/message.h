// A published message: read, checked, signed (libp2p/specs pubsub/README.md, policy StrictSign). Pure functions.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "multiformats/keys.h"
#include "multiformats/peer_id.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace libp2p::gossipsub {

inline constexpr std::size_t kTopicBytesMax = 256;
/// Longer ids of peers are left out. Ours come from MessageIdFunction, and a longer one is cut off here.
inline constexpr std::size_t kMessageIdBytesMax = 256;
/// An RSA key of 8,192 bits signs with 1,024 bytes.
inline constexpr std::size_t kSignatureBytesMax = 1024;

/// Opaque bytes; the same for all peers of a topic.
using MessageId = std::string;

/// Message fields as they came, pointing into the RPC that they came in.
struct RawMessage {
  base::ConstBytes from;
  std::optional<base::ConstBytes> data;
  base::ConstBytes seqno;
  std::string_view topic;
  base::ConstBytes signature;
  base::ConstBytes key;
};

/// One whose author is known, whether or not the signature has been checked.
struct MessageView {
  multiformats::PeerId from;
  std::uint64_t seqno = 0;
  std::string_view topic;
  base::ConstBytes data;
};

/// What names a message. All peers of a topic use the same. Pure.
using MessageIdFunction = std::function<MessageId(const MessageView&)>;

/// `from`, then seqno as 8 bytes, big-endian: the spec's default, and go-libp2p's.
MessageId default_message_id(const MessageView& message);

/// Kept and passed on; shared by all whom it is sent to. Never changes once made, nor is it copied.
class Message {
 public:
  multiformats::PeerId from;
  std::uint64_t seqno = 0;
  std::string topic;
  base::ConstBytes data;  ///< points into `frame`
  MessageId id;
  /// An RPC with this message and nothing else, with its length before it.
  std::shared_ptr<const base::Bytes> frame;

  MessageView view() const { return {from, seqno, topic, data}; }
};
using MessagePtr = std::shared_ptr<const Message>;

/// Checks that all that StrictSign wants is there and well-formed: kMalformedMessage if not.
base::Result<MessageView> view_of(const RawMessage& raw);

/// Success, or kBadSignature: the author has not signed it, or its key is not the author's.
base::Result<> verify_message(const RawMessage& raw, const multiformats::PeerId& from);
/// The same, as a value. Pure.
using SignatureCheck = std::function<base::Result<>(const RawMessage&, const multiformats::PeerId& from)>;

MessagePtr make_message(const RawMessage& raw, const MessageView& view, MessageId id);

/// A message of our own. REQUIRES: 0 < topic.size() <= kTopicBytesMax.
MessagePtr sign_message(const multiformats::PrivateKey& key, std::uint64_t seqno, std::string_view topic,
                        base::ConstBytes data, const MessageIdFunction& id);

/// Reads a Message; unknown fields are passed over. Nothing if it is malformed.
std::optional<RawMessage> parse_message(base::ConstBytes bytes);

}  // namespace libp2p::gossipsub
