#include "index/block_index.h"

#include "index/beliefs.h"
#include "index/held_blocks.h"
#include "index/largest_first.h"
#include "index/leading_runs.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <unordered_map>

namespace kvp2p {

namespace {

struct SourceHash {
  std::size_t operator()(const BlockIndex::Source& source) const {
    return std::hash<multiformats::PeerId>()(source.peer) ^ std::hash<Fingerprint>()(source.topic);
  }
};

}  // namespace

struct BlockIndex::State {
  State(std::size_t most_pairs, std::size_t most_holders) : pairs_max(most_pairs), holders_max(most_holders) {}

  struct Told {
    Source source;
    std::uint64_t epoch = 0;
    std::optional<base::TimePoint> heard;
    bool truncated = false;
    double belief = Beliefs::kOfStrangers;
    std::unique_ptr<HeldBlocks> blocks;  // null: the place is unused
  };

  std::optional<std::uint32_t> find(const Source& source) const {
    auto at = numbers.find(source);
    if (at == numbers.end()) return std::nullopt;
    return at->second;
  }

  std::optional<std::uint32_t> find_or_add(const Source& source, std::uint64_t epoch) {
    if (auto known = find(source)) {
      if (Told& t = told[*known]; t.epoch != epoch) {
        clear(*known);
        t.epoch = epoch;
      }
      return known;
    }
    if (numbers.size() >= holders_max) return std::nullopt;
    auto unused = std::find_if(told.begin(), told.end(), [](const Told& t) { return !t.blocks; });
    if (unused == told.end()) unused = told.emplace(told.end());
    *unused = {source, epoch, std::nullopt, false, beliefs.of(source.peer), std::make_unique<HeldBlocks>(pool, hash)};
    const auto number = static_cast<std::uint32_t>(unused - told.begin());
    numbers[source] = number;
    by_size.add(number);
    return number;
  }

  void clear(std::uint32_t number) {
    Told& t = told[number];
    pairs -= t.blocks->size();
    t.blocks = std::make_unique<HeldBlocks>(pool, hash);
    t.truncated = false;
    by_size.change(number, 0);
  }

  void forget(std::uint32_t number) {
    Told& t = told[number];
    pairs -= t.blocks->size();
    numbers.erase(t.source);
    by_size.remove(number);
    t = {};
  }

  void insert(std::uint32_t number, KeyPrefix prefix) {
    Told& t = told[number];
    const std::size_t before = t.blocks->size();
    const bool added = t.blocks->insert(prefix);
    pairs += t.blocks->size() - before;
    if (added && t.blocks->size() == before) t.truncated = true;  // it holds as many as one holder may
    by_size.change(number, t.blocks->size());
    while (pairs > pairs_max) drop_oldest_of_largest();
  }

  void erase(std::uint32_t number, KeyPrefix prefix) {
    if (!told[number].blocks->erase(prefix)) return;
    --pairs;
    by_size.change(number, told[number].blocks->size());
  }

  void drop_oldest_of_largest() {
    const std::uint32_t number = by_size.largest();
    Told& t = told[number];
    t.blocks->drop_oldest();
    t.truncated = true;
    --pairs;
    by_size.change(number, t.blocks->size());
  }

  const std::size_t pairs_max;
  const std::size_t holders_max;
  PagePool pool;  // before those who use it
  PrefixHash hash;
  std::vector<Told> told;  // a number is its place; places of those who left are used again
  std::unordered_map<Source, std::uint32_t, SourceHash> numbers;
  LargestFirst by_size;
  Beliefs beliefs;
  std::size_t pairs = 0;
};

BlockIndex::BlockIndex(std::size_t pairs_max, std::size_t holders_max)
    : state_(std::make_unique<State>(pairs_max, holders_max)) {
  assert(pairs_max > 0 && holders_max > 0);
}
BlockIndex::~BlockIndex() = default;

void BlockIndex::stored(const multiformats::PeerId& peer, std::uint64_t epoch, std::span<const BlockKey> keys) {
  const auto number = state_->find_or_add({peer}, epoch);
  if (!number) return;
  for (const BlockKey& key : keys) state_->insert(*number, prefix_of(key));
}

void BlockIndex::evicted(const multiformats::PeerId& peer, std::uint64_t epoch, std::span<const BlockKey> keys) {
  const auto number = state_->find({peer});
  // Of another incarnation than the one that the entries are from.
  if (!number || state_->told[*number].epoch != epoch) return;
  for (const BlockKey& key : keys) state_->erase(*number, prefix_of(key));
}

void BlockIndex::stored(const Source& source, std::uint64_t epoch, std::span<const KeyPrefix> keys) {
  const auto number = state_->find_or_add(source, epoch);
  if (!number) return;
  for (KeyPrefix key : keys) state_->insert(*number, key);
}

void BlockIndex::evicted(const Source& source, std::uint64_t epoch, std::span<const KeyPrefix> keys) {
  const auto number = state_->find(source);
  if (!number || state_->told[*number].epoch != epoch) return;
  for (KeyPrefix key : keys) state_->erase(*number, key);
}

void BlockIndex::forget(const Source& source) {
  if (auto number = state_->find(source)) state_->forget(*number);
}

void BlockIndex::forget_all(const multiformats::PeerId& peer) {
  for (std::uint32_t number = 0; number < state_->told.size(); ++number) {
    if (state_->told[number].blocks && state_->told[number].source.peer == peer) state_->forget(number);
  }
}

void BlockIndex::heard(const Source& source, base::TimePoint now) {
  if (auto number = state_->find(source)) state_->told[*number].heard = now;
}

void BlockIndex::forget_silent(base::TimePoint when) {
  for (std::uint32_t number = 0; number < state_->told.size(); ++number) {
    const auto& t = state_->told[number];
    if (t.blocks && t.heard && *t.heard < when) state_->forget(number);
  }
}

const HeldBlocks* BlockIndex::blocks_of(const Source& source) const {
  const auto number = state_->find(source);
  return number ? state_->told[*number].blocks.get() : nullptr;
}

bool BlockIndex::is_truncated(const Source& source) const {
  const auto number = state_->find(source);
  return number && state_->told[*number].truncated;
}

void BlockIndex::tested(const multiformats::PeerId& peer, std::size_t promised, std::size_t found) {
  state_->beliefs.tested(peer, promised, found);
  for (auto& t : state_->told) {
    if (t.blocks && t.source.peer == peer) t.belief = state_->beliefs.of(peer);
  }
}

double BlockIndex::belief_in(const multiformats::PeerId& peer) const { return state_->beliefs.of(peer); }

std::vector<BlockIndex::Holder> BlockIndex::holders(std::span<const BlockKey> keys, std::size_t from,
                                                    std::size_t peers_max) const {
  std::vector<Holder> found;
  if (from >= keys.size() || peers_max == 0) return found;
  std::vector<RunCandidate> candidates;
  candidates.reserve(state_->numbers.size());
  for (std::uint32_t number = 0; number < state_->told.size(); ++number) {
    if (const auto& blocks = state_->told[number].blocks)
      candidates.push_back({blocks->view(), number, state_->told[number].belief});
  }
  std::vector<std::uint64_t> hashes;
  hashes.reserve(keys.size() - from);
  for (const BlockKey& key : keys.subspan(from)) hashes.push_back(state_->hash(prefix_of(key)));
  // A peer may be there twice, over its session and by gossip: then as many more runs are asked for.
  for (std::size_t runs_max = peers_max;;) {
    const auto runs = longest_leading_runs(candidates, hashes, runs_max);
    found.clear();
    for (const auto& run : runs) {
      const auto& peer = state_->told[run.number].source.peer;
      if (std::ranges::find(found, peer, &Holder::peer) == found.end()) found.push_back({peer, run.blocks});
    }
    if (runs.size() < runs_max || found.size() >= peers_max) break;
    runs_max += peers_max - found.size();
  }
  if (found.size() > peers_max) found.resize(peers_max);
  return found;
}

std::size_t BlockIndex::pairs() const { return state_->pairs; }

std::size_t BlockIndex::bytes() const {
  std::size_t all =
      sizeof *this + sizeof *state_ + state_->pool.bytes() + state_->told.capacity() * sizeof(State::Told);
  for (const auto& t : state_->told) {
    if (t.blocks) all += t.blocks->bytes_beside_pool();
  }
  return all;
}

}  // namespace kvp2p
