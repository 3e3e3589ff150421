#include "index/leading_runs.h"

#include <algorithm>
#include <array>
#include <queue>

namespace kvp2p {

namespace {

using Probe = HeldBlocks::View::Probe;

/// Fetches that are under way at a time: more than a core can have, so that it always has as many as it can.
constexpr std::size_t kAhead = 32;

/// Aims at `hash_of(i)` in `view_of(i)` for each i below `count`, long before `answer(i, hit)` is called; stops when
/// that returns false.
template <class ViewOf, class HashOf, class Answer>
void ask_each(std::size_t count, ViewOf&& view_of, HashOf&& hash_of, Answer&& answer) {
  std::array<Probe, kAhead> probes;
  for (std::size_t i = 0; i < std::min(count, kAhead); ++i) view_of(i).prepare(hash_of(i));
  for (std::size_t i = 0; i < count + kAhead; ++i) {
    if (i + kAhead < count) view_of(i + kAhead).prepare(hash_of(i + kAhead));
    if (i >= kAhead && !answer(i - kAhead, view_of(i - kAhead).hit(probes[i % kAhead]))) return;
    if (i < count) probes[i % kAhead] = view_of(i).aim(hash_of(i));
  }
}

/// How many of the first `limit` blocks are there, from the first on. The first one is.
std::size_t follow_run(const HeldBlocks::View& view, std::span<const std::uint64_t> hashes, std::size_t limit) {
  std::size_t run = 1;
  ask_each(
      limit - 1, [&](std::size_t) -> const auto& { return view; }, [&](std::size_t i) { return hashes[i + 1]; },
      [&](std::size_t, bool hit) {
        run += hit;
        return hit;
      });
  return run;
}

/// A candidate that holds the first block: its run has at least one block and at most `bound`.
struct Runner {
  HeldBlocks::View blocks;
  std::uint32_t number;
  double belief;
  std::size_t bound;
  std::size_t there = 0;  // a block that it holds
  bool followed = false;

  /// For a queue whose top is the best.
  bool operator<(const Runner& other) const {
    const double counts = belief * static_cast<double>(bound);
    const double others = other.belief * static_cast<double>(other.bound);
    return counts != others ? counts < others : number > other.number;
  }
};

std::vector<Runner> holders_of_first(std::span<const RunCandidate> candidates, std::span<const std::uint64_t> hashes) {
  std::vector<Runner> runners;
  ask_each(
      candidates.size(), [&](std::size_t i) -> const auto& { return candidates[i].blocks; },
      [&](std::size_t) { return hashes.front(); },
      [&](std::size_t i, bool hit) {
        if (hit) runners.push_back({candidates[i].blocks, candidates[i].number, candidates[i].belief, hashes.size()});
        return true;
      });
  return runners;
}

/// Bisects each candidate's blocks: one that is missing bounds its run, though one that is there proves nothing.
void bound_runs(std::vector<Runner>& runners, std::span<const std::uint64_t> hashes) {
  const auto middle_of = [&](std::size_t i) { return (runners[i].there + runners[i].bound) / 2; };
  for (std::size_t left = hashes.size(); left > 1; left = (left + 1) / 2) {
    ask_each(
        runners.size(), [&](std::size_t i) -> const auto& { return runners[i].blocks; },
        [&](std::size_t i) { return hashes[middle_of(i)]; },
        [&](std::size_t i, bool hit) {
          (hit ? runners[i].there : runners[i].bound) = middle_of(i);
          return true;
        });
  }
}

}  // namespace

std::vector<LeadingRun> longest_leading_runs(std::span<const RunCandidate> candidates,
                                             std::span<const std::uint64_t> hashes, std::size_t runs_max) {
  std::vector<LeadingRun> found;
  if (hashes.empty() || runs_max == 0) return found;
  std::vector<Runner> runners = holders_of_first(candidates, hashes);
  if (runners.size() > runs_max) bound_runs(runners, hashes);
  std::priority_queue<Runner> best({}, std::move(runners));
  for (std::size_t left = runs_max + kMoreRunsFollowed; !best.empty() && found.size() < runs_max;) {
    Runner runner = best.top();
    best.pop();
    if (runner.followed) {
      found.push_back({runner.number, runner.bound});
    } else if (left > 0) {
      --left;
      runner.bound = follow_run(runner.blocks, hashes, runner.bound);
      runner.followed = true;
      best.push(runner);
    }
  }
  return found;
}

}  // namespace kvp2p
