#include "libp2p/security/tls/record_sealer.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace libp2p::tls {

namespace {

/// Pieces of one record.
constexpr std::size_t kPiecesMax = 64;

/// KeyUpdate (section 4.6.3) with update_not_requested: whether the other side changes its own is its business.
constexpr std::array<std::uint8_t, 5> kKeyUpdate{24, 0, 0, 1, 0};
constexpr std::array<std::uint8_t, 2> kCloseNotify{1, 0};

}  // namespace

std::size_t RecordSealer::large_bytes(const GatherCursor& from) {
  const std::size_t run = from.run_bytes(kJoinedMinBytes, kContentMaxBytes);
  const std::size_t bytes = std::max(run, std::min(from.front().size(), kContentMaxBytes));
  return bytes >= kOwnRecordMinBytes ? bytes : 0;
}

std::size_t RecordSealer::seal_some(GatherCursor& from, base::MutableBytes out) {
  assert(!from.done() && out.size() >= 2 * kRecordMaxBytes);
  std::size_t used = 0;
  while (!from.done() && out.size() - used > kRecordOverheadBytes) {
    if (key_update_due_ || cipher_.records() + 1 >= records_per_key_) {
      if (out.size() - used < kRecordOverheadBytes + kKeyUpdate.size()) break;
      used += update_key(out.data() + used);
      continue;
    }
    const std::size_t large = large_bytes(from);
    const std::size_t size = large > 0 ? large : kContentMaxBytes;
    // Rather write what there is than cut a record short where the space ends.
    if (out.size() - used < kRecordOverheadBytes + size) break;
    used += seal_record(from, large, out.data() + used);
  }
  return used;
}

std::size_t RecordSealer::seal_record(GatherCursor& from, std::size_t large, std::uint8_t* out) {
  std::array<base::ConstBytes, kPiecesMax> pieces;
  std::size_t count = 0;
  const std::size_t size_max = large > 0 ? large : kContentMaxBytes;
  for (std::size_t size = 0; !from.done() && size < size_max && count < pieces.size();) {
    if (large == 0 && large_bytes(from) > 0) break;
    const base::ConstBytes piece = from.front().first(std::min(from.front().size(), size_max - size));
    pieces[count++] = piece;
    size += piece.size();
    from.take(piece.size());
  }
  return cipher_.seal(ContentType::kApplicationData, std::span(pieces).first(count), out);
}

std::size_t RecordSealer::update_key(std::uint8_t* out) {
  const base::ConstBytes message = kKeyUpdate;
  const std::size_t size = cipher_.seal(ContentType::kHandshake, {&message, 1}, out);
  cipher_.update_key();
  key_update_due_ = false;
  return size;
}

base::Bytes RecordSealer::seal_end() {
  base::Bytes record(kRecordOverheadBytes + kCloseNotify.size());
  const base::ConstBytes message = kCloseNotify;
  cipher_.seal(ContentType::kAlert, {&message, 1}, record.data());
  return record;
}

}  // namespace libp2p::tls
