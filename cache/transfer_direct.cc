// Blocks of a transfer that are read in place out of peers' memory.
#include "base/log.h"
#include "cache/transfer_fetch.h"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace kvp2p {

std::string TransferOperation::why_staged(const PeerAnswer& answer, std::size_t block) const {
  const DirectRun run = find_direct_run(context_.direct, plan_, answer, block, block + 1);
  return run.region ? "some of their layers came another way" : run.why_not;
}

/// Cheapest first: out of the same GPU, over NVLink, over PCIe, out of shared host memory.
void TransferOperation::start_direct_copies() {
  if (context_.direct.client == nullptr || !schedule_.anything_wanted()) return;
  struct Run {
    DirectRun found;
    std::size_t source = 0;
    std::size_t first = 0;
  };
  std::vector<Run> runs;
  const auto is_open = [&](std::size_t source, std::size_t block) {
    return schedule_.is_untouched(block) && !not_in_place_[block] &&
           answer_of(source)->holding.has(plan_.first_block + block);
  };
  for (std::size_t source = 0; source < schedule_.sources(); ++source) {
    for (std::size_t block = 0; block < blocks();) {
      std::size_t end = block;
      while (end < blocks() && is_open(source, end)) ++end;
      for (; block < end;) {
        DirectRun run = find_direct_run(context_.direct, plan_, *answer_of(source), block, end);
        const std::size_t run_end = run.end;
        if (run.region) runs.push_back({std::move(run), source, block});
        block = run_end;
      }
      block = end + (block == end ? 1 : 0);
    }
  }
  std::stable_sort(runs.begin(), runs.end(),
                   [](const Run& a, const Run& b) { return a.found.region->link() < b.found.region->link(); });
  for (Run& run : runs) {
    for (std::size_t block = run.first; block < run.found.end;) {
      std::size_t end = block;
      while (end < run.found.end && schedule_.is_untouched(end)) ++end;
      if (block < end) start_direct(run.source, run.found.region, block, end);
      block = end + 1;
    }
  }
}

void TransferOperation::note_staged(const PeerAnswer& answer, const std::string& why) {
  state_->update_report([&](TransferReport& report) { add_path(report, "staged: " + why); });
  const multiformats::PeerId& peer = answer.lease->peer();
  if (context_.direct.client != nullptr && context_.logged.first(peer, "staged: " + why)) {
    LOG_INFO("blocks of peer {} come by the normal path, not the direct one: {}", peer.to_text(), why);
  }
}

void TransferOperation::start_direct(std::size_t source, std::shared_ptr<PeerRegion> region, std::size_t first,
                                     std::size_t end) {
  const auto& answer = answer_of(source);
  for (std::size_t block = first; block < end; ++block) {
    schedule_.take(source, block);
    inbox_->take(block, (*versions_[source])[block]);
  }
  auto holder = std::make_shared<std::shared_ptr<DirectCopy>>();
  // The copy holds the operation until it has ended; on the node thread both let go.
  auto ended = [self = shared_from_this(), executor = context_.executor, source, holder]() mutable {
    boost::asio::post(
        executor, [self = std::move(self), source, copy = std::move(*holder)] { self->on_direct_end(source, *copy); });
  };
  auto plan = plan_direct_copy(context_, plan_, state_, *answer, std::move(region), first, end);
  *holder = std::make_shared<DirectCopy>(std::move(plan), std::move(ended));
  ++context_.direct_copies;
  if (gate_open_) {
    (*holder)->start();
  } else {
    gated_direct_.push_back(*holder);
  }
}

void TransferOperation::on_direct_end(std::size_t source, DirectCopy& copy) {
  copy.release_region();
  --context_.direct_copies;
  context_.counters.direct_bytes += copy.bytes();
  context_.counters.direct_stale_blocks += copy.stale_blocks();
  const PeerAnswer& answer = *answer_of(source);
  context_.estimates.add(answer.lease->peer(), PeerPath::kDirect, copy.bytes(), {}, copy.time(), context_.clock->now());
  if (copy.bytes() > 0 && !std::exchange(had_direct_, true)) ++context_.counters.direct_transfers;
  if (!copy.failure().empty()) ++context_.counters.direct_fallbacks;
  if (ended_ || state_->ended() || copy.missing().empty()) return;
  told_staged_[source] = 1;
  note_staged(answer, copy.failure());
  reopen(answer, copy);
  // The peer knows best what it still has: what is gone it says at once.
  pump_peers();
}

}  // namespace kvp2p
