// A data stream, from either end.
#pragma once

#include "exchange/stream_turn.h"
#include "libp2p/host/host.h"

#include <cstdint>
#include <memory>

namespace kvp2p {

/// Shared by the coroutine that reads it and those that write to it: whichever ends last drops it.
struct DataStream {
  DataStream(const base::Executor& executor, std::shared_ptr<libp2p::Connection> its_connection,
             std::unique_ptr<libp2p::Stream> opened, std::uint32_t its_number)
      : connection(std::move(its_connection)), stream(std::move(opened)), number(its_number), turn(executor) {}

  void reset() {
    dead = true;
    stream->reset();
  }

  std::shared_ptr<libp2p::Connection> connection;  // outlives the stream
  std::unique_ptr<libp2p::Stream> stream;
  std::uint32_t number;  // chosen by the opener
  StreamTurn turn;
  bool dead = false;
};

}  // namespace kvp2p
