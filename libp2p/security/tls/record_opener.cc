#include "libp2p/security/tls/record_opener.h"

#include "libp2p/core/error.h"

#include <cassert>

namespace libp2p::tls {

namespace {
constexpr std::size_t kSmallBytes = 4 * 1024;
}

base::Result<std::size_t> RecordOpener::read(base::MutableBytes into) {
  assert(!into.empty());
  std::size_t done = buffer_.take_leftover(into);
  // Opens only if all of the leftover is gone: records behind it come after it.
  while (done < into.size() && !buffer_.has_leftover() && !failed_ && !ended() && may_open_records()) {
    const auto opened = open_record(into.subspan(done), done == 0);
    if (!opened) {
      failed_ = opened.error();
    } else if (!*opened) {
      break;  // nothing complete is here, or it waits for more room
    } else {
      done += **opened;
    }
  }
  // What came before the bad record is good; the next call fails.
  if (done == 0 && failed_) return failed_;
  return done;
}

base::Result<std::optional<base::ConstBytes>> RecordOpener::next_record() const {
  // A stash may hold no more than the beginning of a record, which may be known to be bad from that.
  const base::ConstBytes received = buffer_.unopened();
  if (received.size() < kRecordHeaderBytes) return std::nullopt;
  // Once the handshake is over, everything is sealed; the version is to be ignored (section 5.2).
  if (received[0] != static_cast<std::uint8_t>(ContentType::kApplicationData)) return Error::kProtocolViolation;
  const std::size_t size = kRecordHeaderBytes + base::load_be16(received.data() + 3);
  if (size < kRecordOverheadBytes || size > kRecordMaxBytes) return Error::kProtocolViolation;
  if (received.size() < size) return std::nullopt;
  return received.first(size);
}

base::Result<std::optional<std::size_t>> RecordOpener::open_record(base::MutableBytes into, bool need) {
  const auto record = next_record();
  if (!record) return record.error();
  if (!*record) return std::nullopt;
  const std::size_t size_max = (*record)->size() - kRecordOverheadBytes;
  const bool fits = size_max <= into.size();
  // The caller's next buffer may hold it whole, which saves a copy.
  if (!fits && !need) return std::nullopt;
  std::uint8_t* const plaintext = fits ? into.data() : buffer_.in_place() + kRecordHeaderBytes;
  const auto last = cipher_.open(**record, plaintext);
  if (!last) return Error::kProtocolViolation;
  buffer_.opened((*record)->size());
  if (size_max < kSmallBytes) --records_left_;
  const auto size = take_plaintext({plaintext, size_max}, *last);
  if (!size) return size.error();
  idle_records_ = *size == 0 ? idle_records_ + 1 : 0;
  if (idle_records_ > kIdleRecordsMax) return Error::kProtocolViolation;
  if (fits) return *size;
  buffer_.leave({plaintext, *size});
  return buffer_.take_leftover(into);
}

base::Result<std::size_t> RecordOpener::take_plaintext(base::ConstBytes plaintext, std::uint8_t last) {
  // Padding stands behind the type (section 5.4).
  while (last == 0) {
    if (plaintext.empty()) return Error::kProtocolViolation;
    last = plaintext.back();
    plaintext = plaintext.first(plaintext.size() - 1);
  }
  const auto type = static_cast<ContentType>(last);
  if (type == ContentType::kApplicationData && !messages_.inside_message()) return plaintext.size();
  const base::Error error = take_message(type, plaintext);
  if (error) return error;
  return 0U;
}

base::Error RecordOpener::take_message(ContentType type, base::ConstBytes content) {
  if (type == ContentType::kHandshake) {
    const auto key_changes = messages_.take_handshake(content);
    if (!key_changes) return key_changes.error();
    if (*key_changes) cipher_.update_key();
    return {};
  }
  if (type != ContentType::kAlert || messages_.inside_message()) return Error::kProtocolViolation;
  const auto alert = messages_.take_alert(content);
  return alert ? base::Error() : alert.error();
}

bool RecordOpener::has_record() const {
  const auto record = next_record();
  return !record || record->has_value();
}

}  // namespace libp2p::tls
