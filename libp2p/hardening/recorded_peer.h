// A peer whose bytes were sealed beforehand: it costs nothing but memory to play, so that what its victim spends on it
// can be measured on one thread.
#pragma once

#include "libp2p/core/stream.h"
#include "libp2p/muxers/yamux/yamux_frame.h"
#include "libp2p/security/noise/cipher_state.h"

#include <memory>
#include <string_view>

namespace libp2p::hardening {

/// Writes frames and seals them. A dialler's: its streams are odd.
class Recorder {
 public:
  Recorder();

  /// Frames wait to be sealed together, as many as a message holds, until cut() or a larger one.
  void frame(const yamux::FrameHeader& header, base::ConstBytes payload = {});
  /// Opens a stream.
  void open(std::uint32_t id) { frame({yamux::FrameType::kWindowUpdate, yamux::kFlagSyn, id, 0}); }
  void data(std::uint32_t id, base::ConstBytes payload);
  /// Opens a stream and proposes `protocol`.
  void open(std::uint32_t id, std::string_view protocol);
  /// Ends the message; what follows begins another.
  void cut();
  /// Puts each of `bytes` into a message of its own.
  void crumble(base::ConstBytes bytes);
  /// A message without anything in it.
  void empty_message();

  std::size_t size() const { return wire_.size(); }
  std::shared_ptr<const base::Bytes> finish();

 private:
  void seal(base::ConstBytes plaintext);

  noise::CipherState cipher_;
  base::Bytes waiting_;
  base::Bytes wire_;
};

struct Playing {
  /// Whether the peer reads: then writes complete at once, else never.
  bool peer_reads = true;
  /// What follows these bytes is sent once the peer has been answered, after its first `answers_awaited` writes.
  std::size_t bytes_before_answers = SIZE_MAX;
  std::size_t answers_awaited = 0;
};

/// The victim's raw stream: reads what was recorded, as fast as it likes, and after it nothing until it is reset.
std::unique_ptr<Stream> play_raw(const base::Executor& executor, std::shared_ptr<const base::Bytes> wire,
                                 Playing playing = {});
/// The victim's secured stream, over what a Recorder has sealed.
std::unique_ptr<Stream> play(const base::Executor& executor, std::shared_ptr<const base::Bytes> wire, Playing playing);

}  // namespace libp2p::hardening
