// A stream that breaks at the operation that a test chooses.
#pragma once

#include "libp2p/core/stream.h"

#include <memory>

namespace libp2p::testing {

enum class FaultKind {
  kShort,   ///< one byte is read, or written before the rest: rightly behaving, but slow
  kError,   ///< half is written, or nothing read, and this and all later operations of the kind fail
  kCancel,  ///< somebody resets the stream while the operation waits
  kEnd,     ///< the other side's direction ends; or, at a write, ours does
};

/// Which operation breaks: the `at`-th, from 0, on all the streams that share the plan. Reads (of all kinds, and
/// waiting for them), writes and close_write() count.
struct FaultPlan {
  FaultKind kind = FaultKind::kShort;
  std::size_t at = SIZE_MAX;
  std::size_t operations = 0;  ///< so far
  std::size_t streams = 0;     ///< that exist now

  bool has_struck() const { return operations > at; }
};

/// Passes everything on to `inner`, but for the operation that the plan names. Nothing is reset by an error: that is
/// for whoever meets it. `executor` is the inner stream's.
std::unique_ptr<Stream> make_fault_stream(const base::Executor& executor, std::unique_ptr<Stream> inner,
                                          std::shared_ptr<FaultPlan> plan);

}  // namespace libp2p::testing
