// A peer of the cluster sends any bytes over a control stream and data streams, while it puts, gets and is fetched
// from: the node stays up, bounded, and closes cleanly.
#include "exchange/testing/raw_peer.h"
#include "exchange/testing/test_node.h"

#include "base/log.h"
#include "wire/limits.h"

#include <cstdlib>

namespace {

using namespace kvp2p;
using namespace kvp2p::testing;

base::Task<> close(Exchange& exchange, bool& closed) {
  co_await exchange.close();
  closed = true;
}

void poll(boost::asio::io_context& io) {
  io.restart();
  io.poll();
}

/// The streams that the node opens.
struct Streams {
  std::vector<std::unique_ptr<libp2p::Stream>> all;
  base::Task<> keep(std::unique_ptr<libp2p::Stream> stream) {
    all.push_back(std::move(stream));
    co_return;
  }
};

FetchRequest wanted_of(const RawPeer& peer) {
  FetchRequest wanted;
  wanted.peer = peer.host.peer_id();
  wanted.format = test_format();
  wanted.blocks = 4;
  wanted.layers = {0, 1, 2};
  wanted.head_end = 4;
  return wanted;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  base::set_up_logging("off");
  if (size < 2) return 0;
  // First two bytes: where the control stream's part ends.
  const std::size_t split = std::min<std::size_t>(base::load_be16(data), size - 2);
  const base::ConstBytes control(data + 2, split);
  const base::ConstBytes frames(data + 2 + split, size - 2 - split);

  boost::asio::io_context io;
  base::ManualClock clock;
  TestNode node(io.get_executor(), clock, 1, {.pack = PackMode::kOn});
  {
    for (std::uint32_t i = 0; i < 4; ++i) node.blocks.add(i);
    RawPeer peer(io, 2);
    peer.capabilities |= wire::kPacks | wire::kJoinsLayers;
    Streams streams;
    peer.host.set_stream_handler(std::string(wire::kProtocolId), [&](auto, std::unique_ptr<libp2p::Stream> opened) {
      return streams.keep(std::move(opened));
    });
    peer.host.dial(node.host);
    auto hello = peer.say_hello(node.host, test_cluster_key());
    if (!hello.result || !hello.result->session) std::abort();
    auto stream = peer.open_data(node.host, *hello.result->session, 1);
    // Something that the frames may belong to.
    wire::Put put;
    put.format = test_format();
    put.keys = {test_key(50)};
    put.time_ms = 1000;
    peer.send(*hello.control, 1, put);
    CollectingSink sink;
    auto fetch = node.exchange->fetch(wanted_of(peer), sink, clock.now() + std::chrono::seconds(10));
    clock.advance(std::chrono::seconds(1));  // it asks for counts meanwhile
    poll(io);
    const base::Bytes bytes = base::to_bytes(frames);
    for (const auto& opened : streams.all) peer.send_bytes(*opened, bytes);
    peer.send_bytes(*hello.control, base::to_bytes(control));
    peer.send_bytes(*stream, bytes);
    for (int i = 0; i < 20; ++i) {
      clock.advance(std::chrono::seconds(1));
      poll(io);
    }
    if (!sink.outcome) std::abort();
  }
  bool closed = false;
  base::spawn(io.get_executor(), close(*node.exchange, closed));
  poll(io);
  if (!closed || node.staging->free_slots() != node.staging->slots()) std::abort();
  if (node.pack_room->free_slots() != node.pack_room->slots()) std::abort();
  return 0;
}
