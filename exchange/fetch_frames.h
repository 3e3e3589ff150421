// What the lanes of a fetch share: room for frames to come, and which slices have come.
#pragma once

#include "exchange/exchange.h"
#include "exchange/frame_receiver.h"

#include <memory>
#include <mutex>
#include <vector>

namespace kvp2p {

/// A frame whose payload has come.
struct ArrivedFrame {
  std::uint32_t lane = 0;
  bool is_over_data_connection = false;
  std::uint64_t request = 0;
  std::size_t bytes = 0;       // of payload
  std::size_t wire_bytes = 0;  // the same as it came
  base::Duration decode_time{};
  ReceivedFrame frame;
};

/// Thread-safe: the node thread puts room in, each lane takes a place for the frame that it is about to read.
class FetchFrames : public std::enable_shared_from_this<FetchFrames> {
 public:
  /// REQUIRES: the request is consistent.
  /// `may_be_joined`: several layers in one frame.
  FetchFrames(const FetchRequest& request, std::size_t room_bytes, bool may_be_packed, bool may_be_joined);

  /// Of one layer of one block, the heads asked for.
  std::size_t slice_bytes() const { return slice_bytes_; }
  FrameWorker* worker() const { return worker_.get(); }
  /// Staging memory that one frame may need.
  std::size_t room_bytes() const { return room_bytes_; }

  void add_room(StagingLease lease);
  /// Room that no frame has taken.
  std::size_t room() const;
  /// The peer is told of `frames` more.
  void grant(std::size_t frames);
  /// Room that the peer has not been told of.
  std::size_t not_granted() const;
  std::size_t granted() const;
  std::size_t slices_left() const;
  /// This block will not come.
  void mark_gone(std::uint32_t block);

  /// Takes room and its slices. ExchangeError::kProtocolBroken for a header that does not fit the request, names a
  /// slice twice, or goes beyond what was granted; kCancelled once closed.
  base::Result<StagingLease> take(const wire::FrameHeader& header);
  /// The payload did not come: as if the frame had never been begun.
  void give_back(const wire::FrameHeader& header, StagingLease lease);
  /// Gives all room back and takes no more frames. How many frames the peer may still send.
  std::size_t close();

 private:
  bool fits(const wire::FrameHeader& header) const;
  /// All slices that the header names. REQUIRES: its blocks and layers were asked for.
  template <class Call>
  void for_each_slice(const wire::FrameHeader& header, Call call) const;
  void mark_seen(const wire::FrameHeader& header, bool seen);

  const std::uint32_t first_block_;
  const std::uint32_t blocks_;
  const std::uint32_t heads_;
  const std::size_t slice_bytes_;
  const std::size_t room_bytes_;
  const bool may_be_packed_;
  const bool may_be_joined_;
  const std::shared_ptr<FrameWorker> worker_;
  std::vector<std::int32_t> layer_index_;  // by layer: its place in the request's layers, or -1; never changes

  mutable std::mutex mutex_;
  std::vector<bool> seen_;  // by layer index * blocks + block
  std::vector<bool> gone_;  // by block
  std::size_t slices_left_;
  std::vector<StagingLease> room_;
  std::size_t granted_ = 0;  // of room_: the peer may send so many
  bool closed_ = false;
};

}  // namespace kvp2p
