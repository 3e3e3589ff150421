// Transport frames. The input is a list of steps: read some, or receive raw bytes, or receive a sealed frame. What was
// sealed comes out in order until the first bytes that were not; nothing comes out after them.
#include "libp2p/security/noise/noise_frames.h"
#include "libp2p/security/noise/noise_state.h"

#include <cstdlib>
#include <deque>

namespace {

using namespace libp2p::noise;

class Steps {
 public:
  Steps(const std::uint8_t* data, std::size_t size) : data_(data, size) {}
  bool done() const { return data_.empty(); }
  std::uint8_t byte() {
    if (data_.empty()) return 0;
    const std::uint8_t value = data_.front();
    data_ = data_.subspan(1);
    return value;
  }
  base::ConstBytes bytes(std::size_t size) {
    const base::ConstBytes taken = data_.first(std::min(size, data_.size()));
    data_ = data_.subspan(taken.size());
    return taken;
  }

 private:
  base::ConstBytes data_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Steps steps(data, size);
  const SecretBlock key;
  // Half of the inputs with a thread that helps.
  static base::ParallelPool alone(0), helped(1);
  const auto cipher = [&](CipherState::Use use) {
    CipherState state(use, key);
    state.use_pool(size % 2 ? helped : alone);
    return state;
  };
  FrameSealer sealer(cipher(CipherState::Use::kSeal));
  FrameOpener opener(cipher(CipherState::Use::kOpen));
  std::deque<std::uint8_t> expected;
  bool failed = false;
  base::Bytes into(70'000);

  const auto read = [&](std::size_t bytes) {
    const auto count = opener.read(base::MutableBytes(into).first(bytes));
    if (!count) failed = true;
    if (!count || *count == 0) return false;
    if (failed || *count > expected.size()) std::abort();
    if (!std::equal(into.begin(), into.begin() + static_cast<std::ptrdiff_t>(*count), expected.begin())) std::abort();
    expected.erase(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(*count));
    return true;
  };
  const auto receive = [&](base::ConstBytes wire) {
    while (!wire.empty() && !failed) {
      while (read(into.size())) {
      }
      if (failed) return;
      const base::MutableBytes space = opener.space();
      if (space.empty()) std::abort();
      const std::size_t part = std::min(space.size(), wire.size());
      std::copy_n(wire.begin(), part, space.begin());
      opener.received(part);
      wire = wire.subspan(part);
    }
  };

  while (!steps.done() && !failed) {
    const std::uint8_t step = steps.byte();
    const std::size_t length = static_cast<std::size_t>(steps.byte()) << (step >> 4);
    if (step % 3 == 0) {
      read(std::clamp<std::size_t>(length, 1, into.size()));
    } else if (step % 3 == 1) {
      receive(steps.bytes(length));
    } else {
      const base::Bytes plaintext(std::min<std::size_t>(length, 200'000), step);
      const base::ConstBytes header = steps.bytes(step >> 4);
      const base::ConstBytes buffers[] = {header, plaintext};
      expected.insert(expected.end(), header.begin(), header.end());
      expected.insert(expected.end(), plaintext.begin(), plaintext.end());
      for (libp2p::GatherCursor cursor(buffers); !cursor.done();)
        receive(base::to_bytes(sealer.seal_some(cursor).value()));
    }
  }
  return 0;
}
