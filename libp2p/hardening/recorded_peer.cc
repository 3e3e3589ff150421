#include "libp2p/hardening/recorded_peer.h"

#include "base/signal.h"
#include "libp2p/core/error.h"
#include "libp2p/negotiation/negotiate.h"
#include "libp2p/security/noise/noise_frames.h"
#include "libp2p/security/noise/noise_stream.h"

#include <algorithm>
#include <string>

namespace libp2p::hardening {

namespace {

/// Both directions' key; it need keep no secret.
const noise::SecretBlock& key() {
  static const noise::SecretBlock zeros;
  return zeros;
}

class PlayedStream final : public Stream {
 public:
  PlayedStream(const base::Executor& executor, std::shared_ptr<const base::Bytes> wire, Playing playing)
      : state_(std::make_shared<State>(executor)), wire_(std::move(wire)), playing_(playing) {}
  ~PlayedStream() override { reset(); }

  base::Task<base::Result<std::size_t>> read_some(base::MutableBytes into) override {
    co_await wait_readable();
    if (state_->reset) co_return Error::kReset;
    co_return read_available(into);
  }
  std::size_t read_available(base::MutableBytes into) override {
    const std::size_t count = std::min(into.size(), end() - at_);
    std::copy_n(wire_->begin() + static_cast<std::ptrdiff_t>(at_), count, into.begin());
    at_ += count;
    return count;
  }
  base::Task<> wait_readable() override {
    auto state = state_;
    while (!state->reset && at_ == end()) co_await state->changed.wait();
  }
  base::Task<base::Result<>> write(base::ConstBytes) override {
    auto state = state_;
    while (!playing_.peer_reads && !state->reset) co_await state->changed.wait();
    if (state->reset) co_return Error::kReset;
    ++answers_;
    state->changed.notify_all();
    co_return base::Result<>();
  }
  base::Task<base::Result<>> close_write() override { co_return base::Result<>(); }
  void reset() noexcept override {
    state_->reset = true;
    state_->changed.notify_all();
  }

 private:
  struct State {
    explicit State(const base::Executor& executor) : changed(executor) {}
    base::Signal changed;
    bool reset = false;
  };
  std::size_t end() const {
    return answers_ < playing_.answers_awaited ? std::min(playing_.bytes_before_answers, wire_->size()) : wire_->size();
  }

  std::shared_ptr<State> state_;
  std::shared_ptr<const base::Bytes> wire_;
  Playing playing_;
  std::size_t at_ = 0;
  std::size_t answers_ = 0;
};

}  // namespace

Recorder::Recorder() : cipher_(noise::CipherState::Use::kSeal, key()) {}

void Recorder::frame(const yamux::FrameHeader& header, base::ConstBytes payload) {
  if (waiting_.size() + yamux::kFrameHeaderBytes > noise::kPlaintextMaxBytes) cut();
  base::Bytes bytes(yamux::kFrameHeaderBytes);
  encode_frame_header(header, std::span<std::uint8_t, yamux::kFrameHeaderBytes>(bytes.data(), bytes.size()));
  base::append(waiting_, bytes);
  if (waiting_.size() + payload.size() > noise::kPlaintextMaxBytes) cut();
  for (; payload.size() > noise::kPlaintextMaxBytes; payload = payload.subspan(noise::kPlaintextMaxBytes)) {
    seal(payload.first(noise::kPlaintextMaxBytes));
  }
  base::append(waiting_, payload);
}

void Recorder::data(std::uint32_t id, base::ConstBytes payload) {
  frame({yamux::FrameType::kData, 0, id, static_cast<std::uint32_t>(payload.size())}, payload);
}

void Recorder::open(std::uint32_t id, std::string_view protocol) {
  open(id);
  data(id, encode_proposal(std::string(protocol)));
}

void Recorder::cut() {
  if (!waiting_.empty()) seal(waiting_);
  waiting_.clear();
}

void Recorder::crumble(base::ConstBytes bytes) {
  cut();
  for (std::size_t i = 0; i < bytes.size(); ++i) seal(bytes.subspan(i, 1));
}

void Recorder::empty_message() {
  cut();
  seal({});
}

void Recorder::seal(base::ConstBytes plaintext) {
  const std::size_t at = wire_.size();
  wire_.resize(at + noise::kFramePrefixBytes + plaintext.size() + noise::kTagBytes);
  base::store_be16(&wire_[at], static_cast<std::uint16_t>(plaintext.size() + noise::kTagBytes));
  (void)cipher_.seal({}, plaintext, &wire_[at + noise::kFramePrefixBytes]);
}

std::shared_ptr<const base::Bytes> Recorder::finish() {
  cut();
  return std::make_shared<const base::Bytes>(std::move(wire_));
}

std::unique_ptr<Stream> play_raw(const base::Executor& executor, std::shared_ptr<const base::Bytes> wire,
                                 Playing playing) {
  return std::make_unique<PlayedStream>(executor, std::move(wire), playing);
}

std::unique_ptr<Stream> play(const base::Executor& executor, std::shared_ptr<const base::Bytes> wire, Playing playing) {
  noise::HandshakeState::Transport ciphers{noise::CipherState(noise::CipherState::Use::kSeal, key()),
                                           noise::CipherState(noise::CipherState::Use::kOpen, key())};
  return std::make_unique<noise::NoiseStream>(play_raw(executor, std::move(wire), playing), std::move(ciphers));
}

}  // namespace libp2p::hardening
