#include "wire/announcements.h"
#include "wire/decoder.h"
#include "wire/encoder.h"

#include <algorithm>
#include <numeric>

namespace kvp2p::wire {

namespace {

constexpr std::size_t kKinds = std::variant_size_v<Announcement>;

bool is_ascending_below(const std::vector<std::uint32_t>& parts, std::uint32_t bits) {
  return std::adjacent_find(parts.begin(), parts.end(), std::greater_equal<>()) == parts.end() &&
         (parts.empty() || parts.back() < (1u << bits));
}

struct Consistent {
  bool operator()(const BlocksChanged& m) const {
    return m.sequence > 0 && (m.cleared || !m.evicted.empty() || !m.stored.empty());
  }
  bool operator()(const BlocksDigest& m) const { return m.next_ms > 0 && (m.keys > 0 || m.sum == 0); }
  bool operator()(const SumsWanted&) const { return true; }
  bool operator()(const Sums& m) const { return m.sums.size() == std::size_t{1} << m.bits; }
  bool operator()(const PartsWanted& m) const { return !m.parts.empty() && is_ascending_below(m.parts, m.bits); }
  bool operator()(const Parts& m) const {
    if (m.parts.size() != m.counts.size() || !is_ascending_below(m.parts, m.bits)) return false;
    std::size_t next = 0;
    for (std::size_t i = 0; i < m.parts.size(); ++i) {
      for (std::uint32_t left = m.counts[i]; left > 0; --left, ++next) {
        if (next == m.keys.size() || part_of(m.keys[next], m.bits) != m.parts[i]) return false;
      }
    }
    return next == m.keys.size();
  }
};

template <std::size_t I>
base::Result<Announcement> decode_one(MsgpackReader& reader) {
  std::variant_alternative_t<I, Announcement> value;
  if (auto read = Decoder::read_map(reader, value); !read) return read.error();
  if (!Consistent()(value)) return WireError::kBadValue;
  return Announcement(std::move(value));
}

using DecodeOne = base::Result<Announcement> (*)(MsgpackReader& reader);

template <std::size_t... I>
constexpr std::array<DecodeOne, kKinds> decoders(std::index_sequence<I...>) {
  return {&decode_one<I>...};
}

}  // namespace

template <class V>
void describe(V& v, Of<Incarnation> auto& m) {
  v.number(1, m.started_ms, UINT64_MAX);
  v.number(2, m.epoch, UINT64_MAX);
}

template <class V>
void describe(V& v, Of<BlocksChanged> auto& m) {
  v.nested(1, m.incarnation);
  v.number(2, m.sequence, UINT64_MAX);
  v.boolean(3, m.cleared);
  v.words(4, m.evicted, kPrefixesMax);
  v.words(5, m.stored, kPrefixesMax);
}

template <class V>
void describe(V& v, Of<BlocksDigest> auto& m) {
  v.nested(1, m.incarnation);
  v.number(2, m.sequence, UINT64_MAX);
  v.number(3, m.keys, UINT64_MAX);
  v.number(4, m.sum, UINT64_MAX);
  v.number(5, m.next_ms, kNextDigestMsMax);
}

template <class V>
void describe(V& v, Of<SumsWanted> auto& m) {
  v.number(1, m.bits, kPartBitsMax);
}

template <class V>
void describe(V& v, Of<Sums> auto& m) {
  v.nested(1, m.incarnation);
  v.number(2, m.sequence, UINT64_MAX);
  v.number(3, m.bits, kPartBitsMax);
  v.words(4, m.sums, std::size_t{1} << kPartBitsMax);
}

template <class V>
void describe(V& v, Of<PartsWanted> auto& m) {
  v.number(1, m.bits, kPartBitsMax);
  v.numbers(2, m.parts, kPartsMax, (1u << kPartBitsMax) - 1);
}

template <class V>
void describe(V& v, Of<Parts> auto& m) {
  v.nested(1, m.incarnation);
  v.number(2, m.sequence, UINT64_MAX);
  v.number(3, m.bits, kPartBitsMax);
  v.numbers(4, m.parts, kPartsMax, (1u << kPartBitsMax) - 1);
  v.numbers(5, m.counts, kPartsMax, kPartKeysMax);
  v.words(6, m.keys, kPartKeysMax);
}

base::Bytes encode_announcement(const Announcement& announcement) {
  base::Bytes bytes;
  BytesBuffer buffer{bytes};
  Packer packer(buffer);
  packer.pack_array(2);
  packer.pack_uint64(announcement.index() + 1);
  std::visit([&packer](const auto& body) { Encoder::pack_map(packer, body); }, announcement);
  return bytes;
}

base::Result<Announcement> decode_announcement(base::ConstBytes bytes) {
  static constexpr auto kDecoders = decoders(std::make_index_sequence<kKinds>());
  if (bytes.size() > kAnnouncementBytesMax) return WireError::kOutOfBounds;
  MsgpackReader reader(bytes);
  auto two = reader.read_array(2);
  if (!two) return two.error();
  if (*two != 2) return WireError::kWrongType;
  auto number = reader.read_uint();
  if (!number) return number.error();
  if (*number == 0 || *number > kKinds) return WireError::kUnknownMessage;
  auto body = kDecoders[*number - 1](reader);
  if (!body) return body.error();
  if (!reader.at_end()) return WireError::kTrailingBytes;
  return body;
}

}  // namespace kvp2p::wire
