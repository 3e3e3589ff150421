// Reads frames off a data stream: a header, then its payload straight to where it belongs.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "base/task.h"
#include "exchange/data_stream.h"
#include "exchange/node_context.h"
#include "wire/messages.h"

#include <memory>

namespace kvp2p {

/// Where one frame's payload goes. It stays valid while the object lives, whatever becomes of the request meanwhile.
class FramePlace {
 public:
  virtual ~FramePlace() = default;
  /// Exactly the header's length.
  virtual base::MutableBytes payload() = 0;
  /// The payload is there.
  virtual void complete() = 0;
};

/// Knows the requests that frames belong to.
class FrameTarget {
 public:
  virtual ~FrameTarget() = default;
  /// Checks the header against the request; an error resets the stream, for where the payload ends is not to be trusted
  /// then.
  virtual base::Result<std::unique_ptr<FramePlace>> place(std::uint64_t request, wire::FrameHeader header) = 0;
};

/// Until the stream ends or breaks; then it is dead. `keep` keeps `target` alive.
base::Task<> receive_frames(std::shared_ptr<NodeContext> context, std::shared_ptr<DataStream> stream,
                            FrameTarget& target, std::shared_ptr<void> keep);

}  // namespace kvp2p
