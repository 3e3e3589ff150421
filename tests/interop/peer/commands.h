// The commands by name (../README.md).
#pragma once

#include "tests/interop/peer/peer.h"

#include <string>
#include <vector>

namespace interop {

using Arguments = std::vector<std::string>;

struct Command {
  std::size_t arguments = 0;
  /// The peer outlives the task.
  base::Task<Reply> (*call)(Peer& peer, Arguments arguments) = nullptr;
};

/// Null if there is none.
const Command* find_command(const std::string& name);

base::Result<std::uint64_t> parse_count(const std::string& text);

// transfers.cc
base::Task<Reply> echo(Peer& peer, Arguments arguments);
base::Task<Reply> send(Peer& peer, Arguments arguments);
base::Task<Reply> half_close(Peer& peer, Arguments arguments);
base::Task<Reply> reset(Peer& peer, Arguments arguments);
base::Task<Reply> be_reset(Peer& peer, Arguments arguments);
// flood.cc
base::Task<Reply> flood(Peer& peer, Arguments arguments);
// pubsub.cc
base::Task<Reply> subscribe(Peer& peer, Arguments arguments);
base::Task<Reply> unsubscribe(Peer& peer, Arguments arguments);
base::Task<Reply> publish(Peer& peer, Arguments arguments);
base::Task<Reply> topic_peers(Peer& peer, Arguments arguments);
base::Task<Reply> peer_scores(Peer& peer, Arguments arguments);
// kad.cc
base::Task<Reply> kad_table(Peer& peer, Arguments arguments);
base::Task<Reply> kad_find_peer(Peer& peer, Arguments arguments);
base::Task<Reply> kad_provide(Peer& peer, Arguments arguments);
base::Task<Reply> kad_find_providers(Peer& peer, Arguments arguments);
base::Task<Reply> kad_put(Peer& peer, Arguments arguments);
base::Task<Reply> kad_get(Peer& peer, Arguments arguments);
// reach.cc
base::Task<Reply> reserve(Peer& peer, Arguments arguments);
base::Task<Reply> path(Peer& peer, Arguments arguments);
base::Task<Reply> probe(Peer& peer, Arguments arguments);
// rendezvous.cc
base::Task<Reply> register_self(Peer& peer, Arguments arguments);
base::Task<Reply> unregister(Peer& peer, Arguments arguments);
base::Task<Reply> discover(Peer& peer, Arguments arguments);
// bench.cc
base::Task<Reply> perf(Peer& peer, Arguments arguments);
base::Task<Reply> bench_connect(Peer& peer, Arguments arguments);
base::Task<Reply> bench_streams(Peer& peer, Arguments arguments);
base::Task<Reply> bench_ping(Peer& peer, Arguments arguments);
base::Task<Reply> cpu(Peer& peer, Arguments arguments);

}  // namespace interop
