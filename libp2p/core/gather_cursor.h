// Walks over the buffers of a gathered write: what seals them takes them off piece by piece.
#pragma once

#include "base/bytes.h"

#include <cstddef>
#include <span>

namespace libp2p {

/// The buffers of one gathered write, less what has been taken off their front.
class GatherCursor {
 public:
  explicit GatherCursor(std::span<const base::ConstBytes> buffers) : buffers_(buffers) { skip_empty(); }
  GatherCursor(const GatherCursor&) = delete;
  GatherCursor& operator=(const GatherCursor&) = delete;
  bool done() const { return buffers_.empty(); }
  /// The rest of the front buffer. REQUIRES: not done().
  base::ConstBytes front() const { return buffers_.front().subspan(offset_); }
  /// Bytes from here to the end of the last of the buffers in a row that have at least `buffer_bytes_min`, of which the
  /// front one may have been taken in part; counts no further than `bytes_max`.
  std::size_t run_bytes(std::size_t buffer_bytes_min, std::size_t bytes_max) const;
  void take(std::size_t bytes);
  /// Copies the rest: the buffers are no longer read.
  void detach();

 private:
  void skip_empty();
  std::span<const base::ConstBytes> buffers_;
  std::size_t offset_ = 0;
  base::Bytes copy_;  ///< what buffers_ names once detached
  base::ConstBytes copied_;
};

}  // namespace libp2p
