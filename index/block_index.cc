#include "index/block_index.h"

#include "index/pair_table.h"

#include <algorithm>
#include <unordered_map>

namespace kvp2p {

struct BlockIndex::State {
  explicit State(std::size_t pairs_max) : pairs(pairs_max) {}

  struct Peer {
    multiformats::PeerId id;
    std::uint64_t epoch = 0;
    bool used = false;
  };

  std::optional<PairTable::PeerNumber> find(const multiformats::PeerId& id) const {
    auto at = numbers.find(id);
    if (at == numbers.end()) return std::nullopt;
    return at->second;
  }

  PairTable::PeerNumber add(const multiformats::PeerId& id, std::uint64_t epoch) {
    auto unused = std::find_if(peers.begin(), peers.end(), [](const Peer& peer) { return !peer.used; });
    if (unused == peers.end()) unused = peers.emplace(peers.end());
    *unused = {id, epoch, true};
    const auto number = static_cast<PairTable::PeerNumber>(unused - peers.begin());
    numbers[id] = number;
    return number;
  }

  PairTable pairs;
  std::vector<Peer> peers;  // a number is its place; places of those who left are used again
  std::unordered_map<multiformats::PeerId, PairTable::PeerNumber> numbers;
};

BlockIndex::BlockIndex(std::size_t pairs_max) : state_(std::make_unique<State>(pairs_max)) {}
BlockIndex::~BlockIndex() = default;

void BlockIndex::stored(const multiformats::PeerId& peer, std::uint64_t epoch, std::span<const BlockKey> keys) {
  auto number = state_->find(peer);
  if (!number) {
    number = state_->add(peer, epoch);
  } else if (auto& known = state_->peers[*number]; known.epoch != epoch) {
    state_->pairs.erase_peer(*number);
    known.epoch = epoch;
  }
  for (const BlockKey& key : keys) state_->pairs.insert(key, *number);
}

void BlockIndex::evicted(const multiformats::PeerId& peer, std::uint64_t epoch, std::span<const BlockKey> keys) {
  auto number = state_->find(peer);
  // Of another incarnation than the one that the entries are from.
  if (!number || state_->peers[*number].epoch != epoch) return;
  for (const BlockKey& key : keys) state_->pairs.erase(key, *number);
}

void BlockIndex::forget(const multiformats::PeerId& peer) {
  auto number = state_->find(peer);
  if (!number) return;
  state_->pairs.erase_peer(*number);
  state_->peers[*number] = {};
  state_->numbers.erase(peer);
}

std::vector<BlockIndex::Holder> BlockIndex::holders(std::span<const BlockKey> keys, std::size_t from,
                                                    std::size_t peers_max) const {
  std::vector<Holder> found;
  if (from >= keys.size() || peers_max == 0) return found;
  // Peers that hold every block so far; each step keeps those that hold one more.
  std::vector<PairTable::PeerNumber> running = state_->pairs.peers_of(keys[from]);
  std::size_t blocks = 1;
  std::vector<std::pair<std::size_t, PairTable::PeerNumber>> ended;
  while (!running.empty()) {
    std::vector<PairTable::PeerNumber> next;
    if (from + blocks < keys.size()) {
      const BlockKey& key = keys[from + blocks];
      for (auto number : running) {
        if (state_->pairs.contains(key, number))
          next.push_back(number);
        else
          ended.emplace_back(blocks, number);
      }
    } else {
      for (auto number : running) ended.emplace_back(blocks, number);
    }
    running = std::move(next);
    ++blocks;
  }
  // Those that held out longest ended last; ties in the order of their numbers, so that the answer is the same each
  // time.
  std::sort(ended.begin(), ended.end(),
            [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
  if (ended.size() > peers_max) ended.resize(peers_max);
  for (const auto& [run, number] : ended) found.push_back({state_->peers[number].id, run});
  return found;
}

std::size_t BlockIndex::pairs() const { return state_->pairs.size(); }

}  // namespace kvp2p
