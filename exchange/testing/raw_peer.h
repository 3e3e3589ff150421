// A peer that speaks the KV protocol by hand, rightly or wrongly.
#pragma once

#include "exchange/cluster_auth.h"
#include "exchange/testing/fake_network.h"
#include "wire/messages.h"

#include <functional>
#include <optional>

namespace kvp2p::testing {

/// Node thread only. What it awaits is driven by `poll`.
class RawPeer {
 public:
  RawPeer(boost::asio::io_context& io, std::uint8_t number) : io_(io), host(io.get_executor(), number) {}

  /// What its hello says it can do.
  std::uint64_t capabilities = wire::kCounts;

  /// A new stream to `node`, which this peer has dialled.
  std::unique_ptr<libp2p::Stream> open(const FakeHost& node);
  void send(libp2p::Stream& stream, std::uint64_t id, wire::Body body);
  void send_bytes(libp2p::Stream& stream, base::Bytes bytes);
  /// The next message, if it is there.
  std::optional<wire::Message> receive(libp2p::Stream& stream);
  std::optional<base::Bytes> receive_bytes(libp2p::Stream& stream, std::size_t count);
  /// The stream has been reset or closed by the node.
  bool is_ended(libp2p::Stream& stream);

  struct Hello {
    std::unique_ptr<libp2p::Stream> control;
    wire::Hello theirs;
    wire::HelloProof their_proof;
    std::optional<wire::HelloResult> result;
  };
  /// Says hello as the opener, proving `key` if there is one; or with a proof made up by `forge` from what came.
  Hello say_hello(const FakeHost& node, base::Bytes key,
                  std::function<wire::HelloProof(const HelloTranscript&, const wire::HelloProof&)> forge = {});
  /// A data stream of the session.
  std::unique_ptr<libp2p::Stream> open_data(const FakeHost& node, const wire::SessionId& session, std::uint32_t number);

 private:
  void poll() {
    io_.restart();
    io_.poll();
  }

  boost::asio::io_context& io_;

 public:
  FakeHost host;
};

}  // namespace kvp2p::testing
