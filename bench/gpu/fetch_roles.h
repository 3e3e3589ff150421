// What fetch_bench's processes do. Each prints JSON objects, one a line, with an "event".
#pragma once

#include "bench/gpu/fetch_node.h"

#include <cstdio>

namespace kvp2p::bench {

struct FetchOptions {
  FetchNodeConfig node;
  /// The producer's GPU and order, if others than the consumer's.
  int peer_gpu = -1;
  std::string peer_order;
  /// The producer puts its blocks into its store instead of offering them in place.
  bool put = false;
  bool one_process = false;
  /// Waits for a line on standard input between warming up and measuring, so that two runs can be started together.
  bool wait_go = false;
  int rounds = 200;
  double seconds = 3;
  // serve: reuse blocks all the time; loop: commands come on standard input.
  bool reuse = false;
  std::uint64_t offered_us_max = 4000;
  bool commands = false;
  std::string board;
  std::uint64_t seed = 1;
};

inline void print_event(const char* name, nlohmann::json fields) {
  fields["event"] = name;
  std::printf("%s\n", fields.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  std::fflush(stdout);
}

/// The consumer, with a producer of its own: figures of one configuration.
int run_measure(FetchOptions options);
/// The producer: offers or puts, until it is told to stop.
int run_serve(const FetchOptions& options);
/// A consumer that lives long: fetches as it is told.
int run_loop(const FetchOptions& options);

}  // namespace kvp2p::bench
