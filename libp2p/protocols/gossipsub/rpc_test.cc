#include "libp2p/protocols/gossipsub/rpc.h"

#include "libp2p/core/error.h"
#include "libp2p/protocols/gossipsub/testing/test_peers.h"
#include "multiformats/multibase.h"

#include <gtest/gtest.h>

namespace libp2p::gossipsub {
namespace {

using testing::message;
using testing::peer;
using testing::without_length;

base::Bytes from_hex(std::string_view text) {
  return multiformats::decode_base(multiformats::Base::kBase16, text).value();
}

Rpc parsed(const base::Bytes& frame) { return parse_rpc(without_length(frame)).value(); }

TEST(GossipsubRpc, Subscriptions) {
  const auto frames = serialise_subscriptions({{true, "a"}, {false, "b"}});
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(base::to_hex(frames[0]),
            "0e"
            "0a05"
            "0801"
            "120161"
            "0a05"
            "0800"
            "120162");
  const Rpc rpc = parsed(frames[0]);
  ASSERT_EQ(rpc.subscriptions.size(), 2u);
  EXPECT_TRUE(rpc.subscriptions[0].subscribe);
  EXPECT_EQ(rpc.subscriptions[0].topic, "a");
  EXPECT_FALSE(rpc.subscriptions[1].subscribe);
  EXPECT_EQ(rpc.subscriptions[1].topic, "b");
}

TEST(GossipsubRpc, NothingToTellIsNoRpc) {
  EXPECT_TRUE(serialise_subscriptions({}).empty());
  EXPECT_TRUE(serialise_control({}).empty());
}

TEST(GossipsubRpc, Control) {
  Control control;
  control.ihave = {{"topic", {"id 1", "id 2"}}};
  control.iwant = {"id 3"};
  control.graft = {"grafted"};
  control.prune = {{.topic = "pruned", .peers = {{peer(1), {1, 2, 3}}, {peer(2), {}}}, .backoff_s = 60}, {"other"}};
  control.idontwant = {"id 4"};
  const auto frames = serialise_control(control);
  ASSERT_EQ(frames.size(), 1u);
  const Control read = parsed(frames[0]).control;
  ASSERT_EQ(read.ihave.size(), 1u);
  EXPECT_EQ(read.ihave[0].topic, "topic");
  EXPECT_EQ(read.ihave[0].ids, (std::vector<MessageId>{"id 1", "id 2"}));
  EXPECT_EQ(read.iwant, control.iwant);
  EXPECT_EQ(read.graft, control.graft);
  EXPECT_EQ(read.idontwant, control.idontwant);
  ASSERT_EQ(read.prune.size(), 2u);
  EXPECT_EQ(read.prune[0].topic, "pruned");
  EXPECT_EQ(read.prune[0].backoff_s, 60u);
  ASSERT_EQ(read.prune[0].peers.size(), 2u);
  EXPECT_EQ(read.prune[0].peers[0].peer, peer(1));
  EXPECT_EQ(read.prune[0].peers[0].signed_record, (base::Bytes{1, 2, 3}));
  EXPECT_FALSE(read.prune[1].backoff_s);
}

TEST(GossipsubRpc, LongOnesBecomeSeveral) {
  Control control;
  control.ihave.push_back({"topic", {}});
  for (int i = 0; i < 5000; ++i) {
    const std::string id = std::string(46, 'x') + std::to_string(i);
    control.ihave[0].ids.push_back(id);
    control.iwant.push_back(id);
  }
  std::vector<MessageId> told, wanted;
  for (const base::Bytes& frame : serialise_control(control)) {
    EXPECT_LE(frame.size(), kSentRpcBytesMax);
    const Control read = parsed(frame).control;
    for (const Ihave& ihave : read.ihave) {
      EXPECT_EQ(ihave.topic, "topic");
      told.insert(told.end(), ihave.ids.begin(), ihave.ids.end());
    }
    wanted.insert(wanted.end(), read.iwant.begin(), read.iwant.end());
  }
  EXPECT_EQ(told, control.ihave[0].ids);
  EXPECT_EQ(wanted, control.iwant);
}

TEST(GossipsubRpc, ControlMayComeInPieces) {
  const auto one = serialise_control({.graft = {"a"}});
  const auto other = serialise_control({.graft = {"b"}});
  base::Bytes both = base::to_bytes(without_length(one[0]));
  base::append(both, without_length(other[0]));
  EXPECT_EQ(parse_rpc(both)->control.graft, (std::vector<std::string>{"a", "b"}));
}

TEST(GossipsubRpc, UnknownFieldsArePassedOver) {
  // Fields 10 to 13 of an RPC: a number, 8 bytes, 4 bytes, text; field 6 of control.
  const auto rpc =
      parse_rpc(from_hex("5001"
                         "590102030405060708"
                         "6d01020304"
                         "6203616263"
                         "1a05"
                         "3203616263"));
  ASSERT_TRUE(rpc);
  EXPECT_TRUE(rpc->control.empty());
}

TEST(GossipsubRpc, MalformedOnesAreErrors) {
  for (const std::string_view text : {
           "0a",                        // no length
           "0a05080112",                // ends within a field
           "0aff",                      // ends within a length
           "0affffffffffffffffff7f",    // longer than there are bytes
           "0b",                        // a group
           "07",                        // no such wire type
           "00",                        // field 0
           "0801",                      // a number where subscriptions are messages
           "1001",                      // where messages are
           "1801",                      // where control is
           "1a0208ff",                  // control: a number where IHAVE is
           "1a030a0212",                // IHAVE ends within
           "12020a05",                  // a message ends within
           "12020801",                  // a number as its author
           "ffffffffffffffffffffff01",  // a tag of more than 10 bytes
       }) {
    EXPECT_EQ(parse_rpc(from_hex(text)).error(), Error::kMalformedMessage) << text;
  }
}

TEST(GossipsubRpc, HoldsNoMoreThanItsBounds) {
  base::Bytes subscriptions, messages, grafts, prunes, ihave, ids;
  base::Bytes control_fields;
  const base::Bytes topic = [] {
    base::Bytes bytes;
    append_bytes_field(bytes, 1, base::as_bytes("topic"));
    return bytes;
  }();
  base::Bytes rpc;
  base::Bytes sub;
  append_varint_field(sub, 1, 1);
  append_bytes_field(sub, 2, base::as_bytes("topic"));
  for (std::size_t i = 0; i < 20'000; ++i) {
    append_bytes_field(rpc, 1, sub);
    append_bytes_field(rpc, 2, topic);
    append_bytes_field(control_fields, 3, topic);
    append_bytes_field(control_fields, 4, topic);
    append_bytes_field(ids, 1, base::as_bytes("id"));
    append_bytes_field(ihave, 2, base::as_bytes("id"));
  }
  base::append(ihave, topic);
  for (int i = 0; i < 3; ++i) {
    append_bytes_field(control_fields, 1, ihave);
    append_bytes_field(control_fields, 2, ids);
    append_bytes_field(control_fields, 5, ids);
  }
  append_bytes_field(rpc, 3, control_fields);
  const auto read = parse_rpc(rpc);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->subscriptions.size(), kRpcSubscriptionsMax);
  EXPECT_EQ(read->publish.size(), kRpcMessagesMax);
  EXPECT_EQ(read->control.graft.size(), kRpcControlsMax);
  EXPECT_EQ(read->control.prune.size(), kRpcControlsMax);
  EXPECT_EQ(read->control.iwant.size(), kRpcIdsMax);
  EXPECT_EQ(read->control.idontwant.size(), kRpcIdsMax);
  std::size_t told = 0;
  for (const Ihave& each : read->control.ihave) told += each.ids.size();
  EXPECT_EQ(told, kRpcIdsMax);
}

TEST(GossipsubRpc, LongTopicsAndIdsArePassedOver) {
  base::Bytes control;
  base::Bytes entry;
  append_bytes_field(entry, 1, base::Bytes(kTopicBytesMax + 1, 't'));
  append_bytes_field(control, 3, entry);
  append_bytes_field(control, 4, entry);
  append_bytes_field(control, 2, entry);  // an IWANT of that id
  base::Bytes rpc;
  append_bytes_field(rpc, 3, control);
  append_bytes_field(rpc, 1, entry);
  const auto read = parse_rpc(rpc);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->subscriptions.empty());
  EXPECT_TRUE(read->control.empty());
}

}  // namespace
}  // namespace libp2p::gossipsub
