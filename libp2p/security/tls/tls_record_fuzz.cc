// Records. The input is a list of steps: receive a sealed record of some type, or raw bytes, or read some, here or as
// another thread would, with more received meanwhile. What was sealed as data comes out in order, until there is
// something else; nothing comes out after an error.
#include "libp2p/security/tls/record_opener.h"

#include <algorithm>
#include <cstdlib>
#include <deque>

namespace {

using namespace libp2p::tls;

class Steps {
 public:
  Steps(const std::uint8_t* data, std::size_t size) : data_(data, size) {}
  bool done() const { return data_.empty(); }
  std::uint8_t byte() { return bytes(1).value_or(0); }
  base::ConstBytes take(std::size_t size) {
    const base::ConstBytes taken = data_.first(std::min(size, data_.size()));
    data_ = data_.subspan(taken.size());
    return taken;
  }

 private:
  std::optional<std::uint8_t> bytes(std::size_t size) {
    const base::ConstBytes taken = take(size);
    return taken.empty() ? std::nullopt : std::optional(taken[0]);
  }
  base::ConstBytes data_;
};

class Session {
 public:
  void read(std::size_t room) {
    base::Bytes into(room);
    const auto count = opener_.read(into);
    if (!count) failed_ = true;
    if (!count || *count == 0) return;
    if (failed_) std::abort();
    if (is_odd_) return;
    if (*count > expected_.size()) std::abort();
    if (!std::equal(into.begin(), into.begin() + static_cast<std::ptrdiff_t>(*count), expected_.begin())) std::abort();
    expected_.erase(expected_.begin(), expected_.begin() + static_cast<std::ptrdiff_t>(*count));
  }

  void seal(std::uint8_t kind, base::ConstBytes content) {
    constexpr std::uint8_t kTypes[] = {23, 22, 21, 0};
    const std::uint8_t type = kTypes[kind % 4];
    base::Bytes record(content.size() + kRecordOverheadBytes);
    cipher_.seal(ContentType{type}, {&content, 1}, record.data());
    if (type == 23 && !is_odd_) expected_.insert(expected_.end(), content.begin(), content.end());
    // What the others do to the opener is its business: data behind them counts only if it comes out.
    if (type != 23) is_odd_ = true;
    receive(record);
  }

  void receive(base::ConstBytes wire) {
    while (!wire.empty()) {
      drain();
      if (failed_ || opener_.ended()) return;
      const base::MutableBytes space = opener_.space();
      if (space.empty()) std::abort();
      const base::ConstBytes part = wire.first(std::min(wire.size(), space.size()));
      std::copy(part.begin(), part.end(), space.begin());
      opener_.received(part.size());
      wire = wire.subspan(part.size());
    }
  }

  void drain() {
    for (std::size_t before = SIZE_MAX; !failed_ && before != expected_.size();) {
      before = expected_.size();
      read(20'000);
    }
    // Records without data may stand before others with some.
    for (int i = 0; i < 64 && !failed_ && opener_.is_readable() && !opener_.ended(); ++i) read(20'000);
  }

  void wait() {
    if (!opener_.is_readable()) opener_.release_buffer();
  }

 private:
  const TrafficSecret secret_{Suite::kAes128GcmSha256, base::Bytes(32, 7)};
  RecordCipher cipher_{RecordCipher::Use::kSeal, secret_};
  RecordOpener opener_{secret_};
  std::deque<std::uint8_t> expected_;
  bool failed_ = false;
  bool is_odd_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Steps steps(data, size);
  Session session;
  while (!steps.done()) {
    const std::uint8_t step = steps.byte();
    const base::ConstBytes content = steps.take(steps.byte());
    switch (step % 8) {
      case 0:
      case 1:
      case 2:
      case 3:
        session.seal(step, content);
        break;
      case 4:
        session.receive(content);
        break;
      case 5:
        session.read(1 + content.size());
        break;
      default:
        session.wait();
    }
  }
  session.drain();
  return 0;
}
