// Which fetch a frame belongs to, for the lanes of a session; and what the lanes have for the node thread.
#pragma once

#include "exchange/fetch_frames.h"

#include <deque>
#include <functional>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace kvp2p {

/// Thread-safe where it says so; the rest on the node thread.
class FrameRegistry final : public FrameTarget {
 public:
  /// `on_arrived` is called on the node thread when frames can be taken.
  FrameRegistry(const base::Executor& node, std::function<void()> on_arrived);
  ~FrameRegistry() override;

  void add(std::uint64_t request, std::shared_ptr<FetchFrames> frames);
  /// The fetch has ended, and its frames are closed. Unless it is complete, the peer may still send what it was
  /// granted: that is read and dropped.
  void remove(std::uint64_t request, bool is_complete);
  /// What has arrived, in the order of each lane.
  struct Arrival {
    ArrivedFrame frame;
    /// The header did not fit the fetch that it names: that one is broken.
    bool is_broken = false;
  };
  std::vector<Arrival> take_arrived();

  // Any thread.
  base::Result<std::unique_ptr<FramePlace>> place(const Lane& lane, ReceivedHeader header) override;

 private:
  class Place;
  class NoPlace;
  /// Of a fetch that has ended.
  struct Remains {
    std::size_t credit = 0;
    std::size_t frame_bytes_max = 0;
  };
  void push(Arrival arrival);
  bool take_remains(const ReceivedHeader& header);

  const base::Executor node_;
  const std::shared_ptr<std::function<void()>> on_arrived_;

  std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::shared_ptr<FetchFrames>> fetches_;
  std::unordered_map<std::uint64_t, Remains> remains_;
  std::deque<std::uint64_t> remains_order_;  // oldest first, at most kEndedFetchesMax
  std::vector<Arrival> arrived_;
  bool told_ = false;  // on_arrived is posted and what has arrived was not taken yet
};

}  // namespace kvp2p
