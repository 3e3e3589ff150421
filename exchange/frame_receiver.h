// Reads frames off a lane: a header, then its payload straight to where it belongs.
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/task.h"
#include "exchange/lane.h"
#include "wire/messages.h"

#include <memory>

namespace kvp2p {

/// Where one frame's payload goes. It stays valid while the object lives, whatever becomes of the request meanwhile.
/// Used, and destroyed, on the lane's executor; destroyed without complete(): the payload has not come.
class FramePlace {
 public:
  virtual ~FramePlace() = default;
  /// Exactly the header's wire_bytes(); or nothing: nobody wants it any more, it is read and dropped.
  virtual base::MutableBytes payload() = 0;
  /// The payload is there.
  virtual void complete() = 0;
};

struct ReceivedHeader {
  std::uint64_t request = 0;
  wire::FrameHeader frame;
  base::Duration decode_time{};
};

/// Knows the requests that frames belong to. Called on the lanes' executors.
class FrameTarget {
 public:
  virtual ~FrameTarget() = default;
  /// Checks the header against the request; an error ends the lane, for where the payload ends is not to be trusted
  /// then.
  virtual base::Result<std::unique_ptr<FramePlace>> place(const Lane& lane, ReceivedHeader header) = 0;
};

/// How a lane came to its end.
enum class LaneEnd : std::uint8_t {
  kLost,    ///< closed, reset, or cut
  kBroken,  ///< what came is no frame, or one of no request
};

/// Until the lane ends or breaks; then it is dead. On its executor.
base::Task<LaneEnd> receive_frames(std::shared_ptr<Lane> lane, FrameTarget& target);

}  // namespace kvp2p
