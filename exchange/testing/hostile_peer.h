// A node, and a peer of its cluster that speaks by hand, as asker or as holder.
#pragma once

#include "exchange/lookup_messages.h"
#include "exchange/testing/raw_peer.h"
#include "exchange/testing/test_node.h"
#include "wire/limits.h"

#include <algorithm>

namespace kvp2p::testing {

class HostilePeerTest : public ExchangeTest {
 protected:
  explicit HostilePeerTest(std::uint64_t capabilities = wire::kCounts, TestNodeOptions options = {})
      : peer_(io_, 200), node_(add_node(std::move(options))) {
    peer_.capabilities = capabilities;
    for (std::uint32_t i = 0; i < 8; ++i) node_.blocks.add(i);
    peer_.host.dial(node_.host);
    auto hello = peer_.say_hello(node_.host, test_cluster_key());
    control_ = std::move(hello.control);
    session_ = hello.result->session.value_or(wire::SessionId{});
    // Its snapshot.
    auto first = peer_.receive(*control_);
    EXPECT_TRUE(first && std::holds_alternative<wire::Announce>(first->body));
  }

  template <class T>
  std::optional<T> receive(libp2p::Stream& stream) {
    auto message = peer_.receive(stream);
    if (!message || !std::holds_alternative<T>(message->body)) return std::nullopt;
    return std::get<T>(message->body);
  }
  wire::Lease lease_of(std::uint32_t first, std::uint32_t count) {
    peer_.send(*control_, 1000, to_wire(request(first, count)));
    auto answer = receive<wire::LookupAnswer>(*control_);
    return answer && answer->lease ? *answer->lease : wire::Lease{};
  }
  wire::Get get(const wire::Lease& lease, std::uint32_t blocks, std::uint32_t credit) {
    wire::Get g;
    g.lease = lease;
    g.format = test_format();
    g.blocks = blocks;
    g.layers = {0, 1, 2};
    g.head_end = 4;
    g.credit = credit;
    g.frame_bytes_max = 8192;
    g.streams = {1};
    g.time_ms = 2000;
    return g;
  }
  /// What the node has sent and will, of itself; nothing if the session has ended.
  std::optional<std::vector<wire::Message>> drain() {
    peer_.send(*control_, 555, wire::Ping{});
    std::vector<wire::Message> messages;
    for (;;) {
      auto message = peer_.receive(*control_);
      if (!message) return std::nullopt;
      if (std::holds_alternative<wire::Pong>(message->body)) return messages;
      messages.push_back(std::move(*message));
    }
  }
  /// It is a stranger no more: what it sends need not wait.
  void prove_good() { node_.index.tested(peer_.host.peer_id(), 1, 1); }
  bool is_alive() { return drain().has_value(); }
  /// How many of them are T.
  template <class T>
  std::size_t count_drained() {
    const auto messages = drain();
    EXPECT_TRUE(messages) << "the session has ended";
    if (!messages) return 0;
    return static_cast<std::size_t>(std::count_if(messages->begin(), messages->end(), [](const auto& message) {
      return std::holds_alternative<T>(message.body);
    }));
  }

  RawPeer peer_;
  TestNode& node_;
  std::unique_ptr<libp2p::Stream> control_;
  wire::SessionId session_;
};

/// A node that fetches from a peer that answers by hand.
class HostileHolderTest : public HostilePeerTest {
 protected:
  using HostilePeerTest::HostilePeerTest;

  void begin(std::uint32_t blocks = 4, base::Duration time = std::chrono::seconds(2)) {
    // The node opens its data stream to the peer: collect it.
    peer_.host.set_stream_handler(std::string(wire::kProtocolId), [this](auto, std::unique_ptr<libp2p::Stream> stream) {
      return keep(std::move(stream));
    });
    LookupAnswer answer;
    fetch_ = node_.exchange->fetch(fetch_request(peer_.host.peer_id(), answer, 0, blocks), sink_, in(time));
    poll();
    ASSERT_TRUE(data_);
    auto open = receive<wire::StreamOpen>(*data_);
    ASSERT_TRUE(open);
    auto message = peer_.receive(*control_);
    // What was said of one that broke before.
    while (message && !std::holds_alternative<wire::Get>(message->body)) message = peer_.receive(*control_);
    ASSERT_TRUE(message);
    ASSERT_TRUE(std::holds_alternative<wire::Get>(message->body));
    id_ = message->id;
    get_ = std::get<wire::Get>(message->body);
    EXPECT_EQ(get_.streams, std::vector<std::uint32_t>{open->number});
  }
  base::Task<> keep(std::unique_ptr<libp2p::Stream> stream) {
    data_ = std::move(stream);
    co_return;
  }
  void send_frame(std::uint32_t layer, std::uint32_t first, std::uint32_t blocks,
                  std::function<void(wire::FrameHeader&)> change = {}) {
    wire::FrameHeader header;
    header.first_block = first;
    header.blocks = blocks;
    header.layer = layer;
    header.layers = 1;
    header.length = blocks * 2048;
    header.leaves.resize(std::size_t{blocks} * 4);
    if (change) change(header);
    peer_.send(*data_, id_, header);
    peer_.send_bytes(*data_, base::Bytes(header.length, 1));
  }
  base::Error outcome() const { return sink_.outcome ? sink_.outcome->error() : base::Error(); }

  CollectingSink sink_;
  std::unique_ptr<Fetch> fetch_;
  std::unique_ptr<libp2p::Stream> data_;
  std::uint64_t id_ = 0;
  wire::Get get_;
};

}  // namespace kvp2p::testing
