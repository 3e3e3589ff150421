// Lets a stream be reset by somebody who does not own it.
#pragma once

#include "libp2p/core/stream.h"

#include <memory>

namespace libp2p {

/// Passes everything on to a stream that others may hold weakly: the layers above own this, while a deadline or a
/// closing host can still reset what is at the bottom. Not thread-safe, like any stream.
class SharedStream final : public Stream {
 public:
  explicit SharedStream(std::shared_ptr<Stream> inner) : inner_(std::move(inner)) {}

  base::Task<base::Result<std::size_t>> read_some(base::MutableBytes into) override { return inner_->read_some(into); }
  std::size_t read_available(base::MutableBytes into) override { return inner_->read_available(into); }
  base::Task<> wait_readable() override { return inner_->wait_readable(); }
  base::Task<base::Result<>> write(base::ConstBytes bytes) override { return inner_->write(bytes); }
  base::Task<base::Result<>> write_gather(std::span<const base::ConstBytes> buffers) override {
    return inner_->write_gather(buffers);
  }
  base::Task<base::Result<>> close_write() override { return inner_->close_write(); }
  bool detach_buffers() override { return inner_->detach_buffers(); }
  bool move_to(const base::Executor& executor) override { return inner_->move_to(executor); }
  void reset() noexcept override { inner_->reset(); }

 private:
  std::shared_ptr<Stream> inner_;
};

}  // namespace libp2p
