// A peer of the cluster sends any bytes over a control stream and a data stream: the node stays up, bounded, and closes
// cleanly.
#include "exchange/testing/raw_peer.h"
#include "exchange/testing/test_node.h"

#include "base/log.h"

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
  TestNode node(io.get_executor(), clock, 1);
  {
    for (std::uint32_t i = 0; i < 4; ++i) node.blocks.add(i);
    RawPeer peer(io, 2);
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
    peer.send_bytes(*hello.control, base::to_bytes(control));
    peer.send_bytes(*stream, base::to_bytes(frames));
    clock.advance(std::chrono::seconds(20));
    poll(io);
  }
  bool closed = false;
  base::spawn(io.get_executor(), close(*node.exchange, closed));
  poll(io);
  if (!closed || node.staging->free_slots() != node.staging->slots()) std::abort();
  return 0;
}
