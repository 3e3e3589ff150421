// A node with one paged KV cache, for fetch_bench: one side offers or puts it, the other fetches it and checks the
// bytes.
#pragma once

#include "bench/gpu/bench_memory.h"
#include "bench/gpu/board.h"
#include "bench/gpu/fetch_shape.h"
#include "provider/node.h"

#include <nlohmann/json.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kvp2p::bench {

struct FetchNodeConfig {
  FetchShape shape;
  /// "host" or "cuda".
  std::string device = "host";
  /// As counted without CUDA_VISIBLE_DEVICES.
  int gpu = 0;
  bool direct = true;
  /// NodeConfig::peer_access.
  bool peer_access = true;
  /// The local store has room for all blocks: for puts.
  bool store = false;
  /// Blocks that the engine's memory has room for; 0: all. With fewer they can be put, in parts, and nothing else.
  std::uint32_t engine_blocks = 0;
  std::string cluster_key;
  std::string config_dir;
  /// Connections for data to one peer, network threads; nothing: as a node chooses.
  std::optional<unsigned> data_connections_max, network_threads;
  /// "tls" or "noise"; empty: as a node chooses.
  std::string security;
};

/// One fetch by the wall clock of the caller, in seconds.
struct FetchOutcome {
  std::size_t matched = 0;
  bool good = false;
  bool cancelled = false;
  std::string reason;
  double match_s = 0;    // look-up, until decided
  double copy_s = 0;     // from get() until done
  double release_s = 0;  // giving back transfer and match
  double total() const { return match_s + copy_s + release_s; }
  TransferReport report;
};

/// Not thread-safe, but for node(). Ends the program with a message when it cannot be set up.
class FetchNode {
 public:
  explicit FetchNode(const FetchNodeConfig& config);
  ~FetchNode();

  Node& node() { return *node_; }
  BenchMemory& memory() { return *memory_; }
  const FetchShape& shape() const { return shape_; }
  std::string address() const;
  base::Result<> connect(const std::string& address);

  // The owner's side

  /// Writes the version's bytes to all slots.
  void fill(std::uint64_t version);
  /// REQUIRES: filled with that version.
  void offer(std::uint64_t version);
  void put(std::uint64_t version);
  /// Fills and puts as many blocks at a time as the memory has room for.
  void put_in_parts(std::uint64_t version);
  /// Takes the offer back and waits until nobody reads: the memory may be written again. False at the deadline.
  bool revoke(base::Duration patience);

  // The reader's side

  /// Says on the board from now on what fetch() is at.
  void show_on(BoardWords& board) { board_ = &board; }
  /// Match and get of all blocks. `cancel_after_s` < 0: to the end; otherwise cancelled so long after the get.
  FetchOutcome fetch(std::uint64_t version, double cancel_after_s = -1);
  /// How often that was called.
  std::size_t fetches() const { return fetches_; }
  /// A look-up alone.
  FetchOutcome match_only(std::uint64_t version);
  /// The copy alone, out of what the owner of such a layout has shared, by the device's events; the memory's content is
  /// lost. Nothing for host memory.
  std::optional<double> measure_copy_alone(const nlohmann::json& shared, const LayoutDesc& from, int rounds);
  /// The same of blocks that lie one after the other on both sides, each layer one range.
  std::optional<double> measure_contiguous_copy(const nlohmann::json& shared, int rounds);
  /// Overwrites all of the memory.
  void poison();
  /// Where the memory differs from the version's bytes; empty: nowhere. Reads all of it back.
  std::string check(std::uint64_t version);

  /// One block's layer in this engine's memory: to poison and to check a sample.
  struct Sample {
    std::uint32_t block = 0;
    std::uint32_t layer = 0;
  };
  void poison(Sample sample);
  std::string check(std::uint64_t version, Sample sample);
  bool is_poisoned(Sample sample);

  /// Open descriptors, memory, the core's counters.
  nlohmann::json stats();

 private:
  PutRequest request_of(std::uint64_t version) const;
  void fill_blocks(std::uint64_t version, std::uint32_t first, std::uint32_t count);
  void put(PutRequest request);
  /// The region's bytes: host memory itself, or a copy of a device's, made when it is first needed.
  base::MutableBytes bytes();
  /// Bring the copy up to date, or the device; nothing for host memory.
  void read_back();
  void write_through();
  template <class Call>
  void for_slice_pieces(Sample sample, Call&& call) const;
  void match(FetchOutcome& outcome, MatchId& match, std::vector<BlockKey> keys);
  void get(FetchOutcome& outcome, MatchId match, std::optional<TransferId>& transfer, double cancel_after_s);
  void show(ReaderState state);

  FetchShape shape_;
  LayoutDesc layout_;
  std::unique_ptr<BenchMemory> memory_;  // outlives the node, which reads it
  std::unique_ptr<Node> node_;
  RegionId region_{};
  Fingerprint fingerprint_;
  std::vector<Slot> slots_;
  std::vector<std::uint8_t> mirror_;
  std::optional<OfferId> offer_;
  BoardWords* board_ = nullptr;
  std::size_t fetches_ = 0;
  std::size_t staging_bytes_ = 0;  // of the pool, as configured
};

/// "direct (same GPU)" or "network", and why it is not the direct path if it is not.
struct PathTaken {
  std::string path;
  std::string reason;
  bool direct = false;
};
PathTaken path_of(const FetchOutcome& outcome);

}  // namespace kvp2p::bench
