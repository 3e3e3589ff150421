// Asks peers that have proved nothing yet for a slice of a block that is here already, one after the other: who brings
// it has proved good, and who brings another or refuses is found out before an engine has to wait for it.
#pragma once

#include "cache/shard_match.h"
#include "exchange/exchange.h"

#include <deque>
#include <memory>
#include <vector>

namespace kvp2p {

/// Node thread only. Lives in a shared_ptr; `context` outlives it.
class StrangerTrial final : public FetchSink, public std::enable_shared_from_this<StrangerTrial> {
 public:
  static constexpr std::size_t kStrangersMax = 4;

  struct Slice {
    ObjectFormat format;
    std::size_t block = 0;    ///< as in the match
    std::uint32_t layer = 0;  ///< of the format's shard
    std::vector<ContentDigest> leaves;
  };

  /// The strangers hold the slice's block, of the same root.
  StrangerTrial(CacheContext& context, Slice slice, std::deque<std::shared_ptr<const PeerAnswer>> strangers);

  /// Asks the next.
  void go_on();
  bool is_over() const { return answer_ == nullptr; }

 private:
  void on_frame(ReceivedFrame frame) override;
  void on_gone(std::uint32_t first_block, std::uint32_t blocks) override;
  void on_end(base::Result<> outcome) override;
  bool is_what_was_asked_for(ReceivedFrame& frame) const;

  CacheContext& context_;
  const Slice slice_;
  std::deque<std::shared_ptr<const PeerAnswer>> strangers_;
  std::shared_ptr<const PeerAnswer> answer_;  // who is asked now
  bool is_judged_ = false;                    // already, whatever else it sends
  std::unique_ptr<Fetch> fetch_;
};

}  // namespace kvp2p
