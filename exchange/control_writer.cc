#include "exchange/control_writer.h"

#include "exchange/limits.h"

#include <vector>

namespace kvp2p {

namespace {

// Messages that go out as one write.
constexpr std::size_t kBatchMessagesMax = 16;

}  // namespace

bool ControlWriter::push(base::Bytes framed) {
  if (stopped_) return true;
  if (queued_bytes_ + framed.size() > kWriteQueueBytesMax) return false;
  queued_bytes_ += framed.size();
  queue_.push_back(std::move(framed));
  changed_.notify_all();
  return true;
}

void ControlWriter::stop() {
  stopped_ = true;
  changed_.notify_all();
  room_.notify_all();
}

bool ControlWriter::has_room() const { return stopped_ || queued_bytes_ <= kWriteQueueBytesHigh; }

base::Task<> ControlWriter::wait_for_room() {
  while (!has_room()) co_await room_.wait();
}

base::Task<> ControlWriter::run(libp2p::Stream& stream) {
  std::vector<base::Bytes> batch;
  std::vector<base::ConstBytes> parts;
  for (;;) {
    while (queue_.empty() && !stopped_) co_await changed_.wait();
    if (stopped_) co_return;
    batch.clear();
    parts.clear();
    std::size_t bytes = 0;
    while (!queue_.empty() && batch.size() < kBatchMessagesMax) {
      bytes += queue_.front().size();
      batch.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    for (const auto& message : batch) parts.emplace_back(message);
    auto written = co_await stream.write_gather(parts);
    queued_bytes_ -= bytes;
    room_.notify_all();
    if (!written) co_return;
  }
}

}  // namespace kvp2p
