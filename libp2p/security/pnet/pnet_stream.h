// A stream that only holders of a private network's key can read: XSalsa20 over everything, each way under a nonce of
// its sender's (libp2p/specs pnet/Private-Networks-PSK-V1.md). It hides; it proves nothing, which is for the security
// protocol above it.
#pragma once

#include "libp2p/core/stream.h"
#include "libp2p/security/pnet/xsalsa20.h"

#include <memory>
#include <optional>

namespace libp2p::pnet {

/// Decrypts in the reader's own buffer; encrypts from the writer's buffers into a PooledBuffer, which it holds while a
/// write is under way. Not thread-safe; moves where the raw stream moves.
///
/// The other side's first bytes tell whether it has the key: until they have come as protect() was told, the end of the
/// stream, a reset and any other bytes are Error::kNotInPrivateNetwork, and the raw stream has been reset.
class PnetStream final : public Stream {
 public:
  /// REQUIRES: `nonce` has been written to `raw`; `opening` outlives the stream.
  PnetStream(std::unique_ptr<Stream> raw, const PreSharedKey& key, const Nonce& nonce, base::ConstBytes opening);

  base::Task<base::Result<std::size_t>> read_some(base::MutableBytes into) override;
  std::size_t read_available(base::MutableBytes into) override;
  base::Task<> wait_readable() override;
  base::Task<base::Result<>> write(base::ConstBytes bytes) override;
  base::Task<base::Result<>> write_gather(std::span<const base::ConstBytes> buffers) override;
  base::Task<base::Result<>> close_write() override { return raw_->close_write(); }
  bool move_to(const base::Executor& executor) override { return raw_->move_to(executor); }
  void reset() noexcept override { raw_->reset(); }

 private:
  /// Until receive_ is there.
  base::Task<base::Result<>> read_nonce();
  /// Whether `bytes`, decrypted already, go on as the opening does.
  bool check_opening(base::ConstBytes bytes);
  base::Error not_ours();

  std::unique_ptr<Stream> raw_;
  const PreSharedKey key_;
  XSalsa20 send_;
  std::optional<XSalsa20> receive_;  ///< none before the other side's nonce
  base::ConstBytes opening_;         ///< what of it has not come yet
  bool is_not_ours_ = false;
};

/// Sends a nonce of ours, at once, because rust and js read it before they write. `opening` is what the other side is
/// known to write first, if it has the key; it outlives the stream. The caller bounds the time by resetting what is
/// under `raw`.
base::Task<base::Result<std::unique_ptr<Stream>>> protect(std::unique_ptr<Stream> raw, PreSharedKey key,
                                                          base::ConstBytes opening);

}  // namespace libp2p::pnet
