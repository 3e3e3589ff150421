#include "wire/validate.h"

#include "wire/limits.h"

#include <algorithm>
#include <numeric>

namespace kvp2p::wire {

namespace {

std::size_t count_of(const std::vector<bool>& bits) {
  return static_cast<std::size_t>(std::count(bits.begin(), bits.end(), true));
}

bool are_different(std::vector<std::uint32_t> numbers) {
  std::sort(numbers.begin(), numbers.end());
  return std::adjacent_find(numbers.begin(), numbers.end()) == numbers.end();
}

struct Check {
  template <class T>
  bool operator()(const T&) const {
    return true;
  }
  bool operator()(const Hello& m) const { return !m.versions.empty(); }
  bool operator()(const HelloResult& m) const { return m.authorised == m.session.has_value(); }
  bool operator()(const Lookup& m) const { return m.format.is_valid() && !m.keys.empty(); }
  bool operator()(const LookupAnswer& m) const {
    const std::size_t blocks = count_of(m.present);
    return m.format.is_valid() && m.tiers.size() == blocks && m.has_root.size() == blocks &&
           m.roots.size() == count_of(m.has_root) && m.lease.has_value() == (blocks > 0) &&
           (m.has_place.empty() || m.has_place.size() == blocks) && m.places.size() == count_of(m.has_place);
  }
  bool operator()(const Get& m) const {
    if (!m.format.is_valid() || m.blocks == 0 || m.first_block + m.blocks > kKeysMax) return false;
    const ShardRange& shard = m.format.shard;
    if (m.head_begin >= m.head_end || m.head_begin < shard.head_begin || m.head_end > shard.head_end) return false;
    if (m.streams.empty() || !are_different(m.streams) || m.layers.empty()) return false;
    std::vector<bool> seen(kLayersMax);
    for (std::uint32_t layer : m.layers) {
      if (layer < shard.layer_begin || layer >= shard.layer_end || seen[layer]) return false;
      seen[layer] = true;
    }
    // At least one slice fits a frame.
    return m.format.head_slice_bytes() * (m.head_end - m.head_begin) <= m.frame_bytes_max;
  }
  bool operator()(const Credit& m) const { return m.frames > 0; }
  bool operator()(const Gone& m) const {
    return !m.ranges.empty() && std::all_of(m.ranges.begin(), m.ranges.end(), [](const BlockRange& range) {
      return range.count > 0 && range.first + range.count <= kKeysMax;
    });
  }
  bool operator()(const GetEnd& m) const {
    if (m.streams.size() != m.counts.size() || !are_different(m.streams)) return false;
    return m.counts.empty() || std::accumulate(m.counts.begin(), m.counts.end(), std::uint64_t{0}) == m.frames;
  }
  bool operator()(const Streams& m) const { return !m.streams.empty() && are_different(m.streams); }
  bool operator()(const CountsAnswer& m) const {
    return m.streams.size() == m.counts.size() && are_different(m.streams);
  }
  bool operator()(const Put& m) const {
    return m.format.is_valid() && !m.keys.empty() && m.format.block_bytes() <= kPutBlockBytesMax;
  }
  bool operator()(const Announce& m) const {
    return (m.stored.empty() || m.format.has_value()) && (!m.format || m.format->is_valid());
  }
  bool operator()(const DirectTicket& m) const { return !m.socket.empty(); }
  bool operator()(const FrameHeader& m) const {
    return m.blocks > 0 && m.layers > 0 && m.first_block + m.blocks <= kKeysMax && m.layer + m.layers <= kLayersMax &&
           m.length > 0 && m.offset == 0 && !m.leaves.empty() && m.packed < m.length;
  }
};

}  // namespace

bool is_consistent(const Body& body) { return std::visit(Check{}, body); }

}  // namespace kvp2p::wire
