// What the demo's processes tell: events, one JSON object a line with --json, sentences otherwise.
//
//   listening   peer_id, addresses (array of multiaddrs with /p2p), device, engine, gpu_memory, hardware
//   computing   model, prompt_tokens
//   published   blocks, bytes, gather_ms, digest_ms, prefill_ms, tokens (computed)          producer
//   peer        peer_id, address                                                            consumer
//   result      see ConsumerResult                                                          consumer
//   stats       counters of the core, by name                                               both, last
//   error       message
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace kvp2p::demo {

struct ConsumerResult {
  std::size_t prompt_tokens = 0;
  std::size_t fetched_tokens = 0;
  std::size_t computed_tokens = 0;
  std::size_t restarts = 0;
  /// Why not everything was fetched, for people; empty if it was.
  std::string reason;
  std::size_t bytes_fetched = 0;
  /// Of them, read in place out of a peer's memory; the others went through staging and a stream.
  std::size_t bytes_direct = 0;
  /// What those others were on the network: fewer where they were compressed.
  std::size_t wire_bytes = 0;
  /// How they came, with the reason where it was not the direct path: TransferReport::path.
  std::string path;
  /// Whether to fetch or to compute, and why: TransferReport::decision.
  std::string decision;

  double match_ms = 0;
  double network_ms = 0;
  double deserialise_ms = 0;
  double verify_ms = 0;
  double scatter_ms = 0;
  double direct_ms = 0;
  /// From asking until the KV is in place.
  double total_ms = 0;
  /// Prefill with the cache: fetching and computing the rest.
  double prefill_ms = 0;
  /// Prefill of the fetched tokens with the cache off; 0 when not verified.
  double recompute_ms = 0;

  std::vector<std::uint32_t> generated;
  std::string text;
  bool verified = false;
  /// The generated tokens are those of a run with the cache off.
  bool matches_local = false;
  /// K and V of the whole prompt were compared bit by bit, too: where the local run has the chunks of whoever computed.
  bool kv_verified = false;
  bool kv_matches_local = false;

  /// What shared blocks were coded with. Anything but "none" may change tokens.
  std::string codec = "none";
  bool is_right() const {
    return !verified || codec != "none" || (matches_local && (!kv_verified || kv_matches_local));
  }
};

nlohmann::json to_json(const ConsumerResult& result);
ConsumerResult consumer_result_from_json(const nlohmann::json& json);

/// Prints events. Not thread-safe.
class Reporter {
 public:
  explicit Reporter(bool json) : json_(json) {}
  /// `sentence` is for people; in JSON `fields` are printed with "event": name.
  void event(const std::string& name, const nlohmann::json& fields, const std::string& sentence) const;
  bool json() const { return json_; }

 private:
  bool json_;
};

}  // namespace kvp2p::demo
