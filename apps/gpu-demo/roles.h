// What the process does: each role runs to its end and returns the exit code.
#pragma once

#include "apps/gpu-demo/session.h"

namespace kvp2p::demo {

/// Computes the prompt's KV, publishes it and serves it until a signal comes.
int run_producer(Session& session);

/// Finds peers, takes the prompt in with their help, generates, and compares with a run with the cache off.
int run_consumer(Session& session);

/// Runs both as processes of their own on this machine and prints the seed's table.
int run_demo(const Options& options, StopSignal& stop);

}  // namespace kvp2p::demo
