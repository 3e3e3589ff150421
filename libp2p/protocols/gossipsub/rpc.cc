#include "libp2p/protocols/gossipsub/rpc.h"

#include "libp2p/core/error.h"
#include "libp2p/core/proto_fields.h"
#include "multiformats/varint.h"

namespace libp2p::gossipsub {

namespace {

enum RpcField : std::uint32_t { kSubscriptions = 1, kPublish = 2, kControl = 3 };
enum SubField : std::uint32_t { kSubscribe = 1, kSubTopic = 2 };
enum ControlField : std::uint32_t { kIhave = 1, kIwant = 2, kGraft = 3, kPrune = 4, kIdontwant = 5 };
/// Of IHAVE, GRAFT and PRUNE.
constexpr std::uint32_t kTopicField = 1;
constexpr std::uint32_t kIhaveIds = 2;
/// Of IWANT and IDONTWANT.
constexpr std::uint32_t kIds = 1;
enum PruneField : std::uint32_t { kPrunePeers = 2, kPruneBackoff = 3 };
enum PeerInfoField : std::uint32_t { kPeerId = 1, kSignedRecord = 2 };

constexpr std::size_t kSignedRecordBytesMax = 8 * 1024;

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

bool is_topic(base::ConstBytes bytes) { return !bytes.empty() && bytes.size() <= kTopicBytesMax; }

void add_id(std::vector<MessageId>& ids, std::size_t& room, base::ConstBytes bytes) {
  if (bytes.empty() || bytes.size() > kMessageIdBytesMax || room == 0) return;
  --room;
  ids.emplace_back(base::as_text(bytes));
}

bool parse_subscription(base::ConstBytes bytes, std::vector<SubOpts>& into) {
  SubOpts options;
  const bool ok = each_field(bytes, [&](const ProtoField& field) {
    if (field.number == kSubscribe) options.subscribe = field.varint != 0;
    if (field.number == kSubTopic && is_topic(field.bytes)) options.topic = base::as_text(field.bytes);
    return true;
  });
  if (ok && !options.topic.empty() && into.size() < kRpcSubscriptionsMax) into.push_back(std::move(options));
  return ok;
}

/// Reads the control messages, counting the ids.
class ControlParser {
 public:
  bool parse(base::ConstBytes bytes, Control& into) {
    return each_field(bytes, [&](const ProtoField& field) {
      if (!field.is_bytes) return field.number > kIdontwant;
      switch (field.number) {
        case kIhave:
          return ihave(field.bytes, into);
        case kIwant:
          return ids(field.bytes, into.iwant, iwant_room_);
        case kGraft:
          return graft(field.bytes, into);
        case kPrune:
          return prune(field.bytes, into);
        case kIdontwant:
          return ids(field.bytes, into.idontwant, idontwant_room_);
        default:
          return true;
      }
    });
  }

 private:
  bool ihave(base::ConstBytes bytes, Control& into) {
    Ihave message;
    const bool ok = each_field(bytes, [&](const ProtoField& field) {
      if (field.number == kTopicField && is_topic(field.bytes)) message.topic = base::as_text(field.bytes);
      if (field.number == kIhaveIds) add_id(message.ids, ihave_room_, field.bytes);
      return true;
    });
    const bool counts = !message.topic.empty() && !message.ids.empty() && into.ihave.size() < kRpcControlsMax;
    if (ok && counts) into.ihave.push_back(std::move(message));
    return ok;
  }
  static bool ids(base::ConstBytes bytes, std::vector<MessageId>& into, std::size_t& room) {
    return each_field(bytes, [&](const ProtoField& field) {
      if (field.number == kIds) add_id(into, room, field.bytes);
      return true;
    });
  }
  static bool graft(base::ConstBytes bytes, Control& into) {
    return each_field(bytes, [&](const ProtoField& field) {
      if (field.number != kTopicField || !is_topic(field.bytes) || into.graft.size() >= kRpcControlsMax) return true;
      into.graft.emplace_back(base::as_text(field.bytes));
      return true;
    });
  }
  static bool prune(base::ConstBytes bytes, Control& into) {
    Prune message;
    const bool ok = each_field(bytes, [&](const ProtoField& field) {
      if (field.number == kTopicField && is_topic(field.bytes)) message.topic = base::as_text(field.bytes);
      if (field.number == kPruneBackoff && !field.is_bytes) message.backoff_s = field.varint;
      if (field.number == kPrunePeers) return peer_info(field.bytes, message.peers);
      return true;
    });
    if (ok && !message.topic.empty() && into.prune.size() < kRpcControlsMax) into.prune.push_back(std::move(message));
    return ok;
  }
  static bool peer_info(base::ConstBytes bytes, std::vector<PrunePeer>& into) {
    PrunePeer peer;
    const bool ok = each_field(bytes, [&](const ProtoField& field) {
      if (field.number == kPeerId) {
        if (const auto id = multiformats::PeerId::from_bytes(field.bytes)) peer.peer = *id;
      }
      if (field.number == kSignedRecord && field.bytes.size() <= kSignedRecordBytesMax) {
        peer.signed_record = base::to_bytes(field.bytes);
      }
      return true;
    });
    if (ok && !peer.peer.empty() && into.size() < kPrunePeersMax) into.push_back(std::move(peer));
    return ok;
  }

  std::size_t ihave_room_ = kRpcIdsMax;
  std::size_t iwant_room_ = kRpcIdsMax;
  std::size_t idontwant_room_ = kRpcIdsMax;
};

/// Puts entries into as many RPCs as it takes.
class RpcWriter {
 public:
  /// One more entry of the RPC or of its control message.
  void add(std::uint32_t field, base::ConstBytes entry) {
    if (!body_.empty() && body_.size() + bytes_field_size(entry.size()) > kSentRpcBytesMax - kOverheadBytes) flush();
    append_bytes_field(body_, field, entry);
  }
  /// Each with its length before it.
  std::vector<base::Bytes> finish(bool is_control) {
    flush();
    for (base::Bytes& body : bodies_) {
      base::Bytes rpc;
      if (is_control) append_bytes_field(rpc, kControl, body);
      const base::ConstBytes content = is_control ? rpc : body;
      base::Bytes frame;
      frame.reserve(content.size() + multiformats::kUvarintBytesMax);
      multiformats::append_uvarint(frame, content.size());
      base::append(frame, content);
      body = std::move(frame);
    }
    return std::move(bodies_);
  }

 private:
  static constexpr std::size_t kOverheadBytes = 16;

  void flush() {
    if (!body_.empty()) bodies_.push_back(std::move(body_));
    body_.clear();
  }

  base::Bytes body_;
  std::vector<base::Bytes> bodies_;
};

/// Ids in portions that fit, each after what `begin` puts first.
template <class Begin>
void add_ids(RpcWriter& writer, std::uint32_t control, std::uint32_t field, const std::vector<MessageId>& ids,
             Begin begin) {
  constexpr std::size_t kPortionBytes = 16 * 1024;
  for (std::size_t at = 0; at < ids.size();) {
    base::Bytes entry = begin();
    for (; at < ids.size() && entry.size() < kPortionBytes; ++at) {
      append_bytes_field(entry, field, base::as_bytes(ids[at]));
    }
    writer.add(control, entry);
  }
}

base::Bytes topic_entry(std::string_view topic) {
  base::Bytes entry;
  append_bytes_field(entry, kTopicField, base::as_bytes(topic));
  return entry;
}

base::Bytes prune_entry(const Prune& prune) {
  base::Bytes entry = topic_entry(prune.topic);
  for (const PrunePeer& peer : prune.peers) {
    base::Bytes info;
    append_bytes_field(info, kPeerId, peer.peer.as_bytes());
    if (!peer.signed_record.empty()) append_bytes_field(info, kSignedRecord, peer.signed_record);
    append_bytes_field(entry, kPrunePeers, info);
  }
  if (prune.backoff_s) append_varint_field(entry, kPruneBackoff, *prune.backoff_s);
  return entry;
}

}  // namespace

base::Result<Rpc> parse_rpc(base::ConstBytes bytes) {
  Rpc rpc;
  ControlParser control;
  const bool ok = each_field(bytes, [&](const ProtoField& field) {
    if (!field.is_bytes) return field.number > kControl;
    if (field.number == kSubscriptions) return parse_subscription(field.bytes, rpc.subscriptions);
    if (field.number == kControl) return control.parse(field.bytes, rpc.control);
    if (field.number != kPublish) return true;
    auto message = parse_message(field.bytes);
    if (message && rpc.publish.size() < kRpcMessagesMax) rpc.publish.push_back(*message);
    return message.has_value();
  });
  if (!ok) return Error::kMalformedMessage;
  return rpc;
}

std::vector<base::Bytes> serialise_subscriptions(const std::vector<SubOpts>& subscriptions) {
  RpcWriter writer;
  for (const SubOpts& each : subscriptions) {
    base::Bytes entry;
    append_varint_field(entry, kSubscribe, each.subscribe ? 1 : 0);
    append_bytes_field(entry, kSubTopic, base::as_bytes(each.topic));
    writer.add(kSubscriptions, entry);
  }
  return writer.finish(false);
}

std::vector<base::Bytes> serialise_control(const Control& control) {
  RpcWriter writer;
  for (const std::string& topic : control.graft) writer.add(kGraft, topic_entry(topic));
  for (const Prune& prune : control.prune) writer.add(kPrune, prune_entry(prune));
  for (const Ihave& ihave : control.ihave) {
    add_ids(writer, kIhave, kIhaveIds, ihave.ids, [&] { return topic_entry(ihave.topic); });
  }
  const auto nothing = [] { return base::Bytes(); };
  add_ids(writer, kIwant, kIds, control.iwant, nothing);
  add_ids(writer, kIdontwant, kIds, control.idontwant, nothing);
  return writer.finish(true);
}

}  // namespace libp2p::gossipsub
