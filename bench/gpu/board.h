// A page that fetch_bench's processes and the script that kills them share: who is where, readable after a death.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace kvp2p::bench {

enum class ReaderState : std::uint64_t { kIdle, kLooksUp, kCopies };

/// Words of 64 bits at the beginning of a file; run.py reads them by the same order.
struct BoardWords {
  std::atomic<std::uint64_t> version;  // what the owner offers now; 0: nothing
  std::atomic<std::uint64_t> state;    // a ReaderState
  std::atomic<std::uint64_t> fetches;  // begun by the reader
};

/// Maps the file, made if need be, or private memory if `path` is empty. Stays mapped until the process ends.
BoardWords& open_board(const std::string& path);

}  // namespace kvp2p::bench
