// One peer's part of a transfer.
#pragma once

#include "cache/transfer_operation.h"
#include "exchange/exchange_error.h"

namespace kvp2p {

/// Node thread only. Passes what the exchange brings on to its operation, which outlives it.
class TransferOperation::PeerFetch final : public FetchSink {
 public:
  PeerFetch(TransferOperation& operation, std::shared_ptr<const PeerAnswer> answer, FetchSchedule::Piece piece)
      : operation_(operation), answer_(std::move(answer)), piece_(std::move(piece)) {}

  void start(Exchange& exchange, FetchRequest request, base::TimePoint deadline) {
    fetch_ = exchange.fetch(std::move(request), *this, deadline);
  }

  const FetchSchedule::Piece& piece() const { return piece_; }
  /// Transfer blocks [first, last) were asked for.
  std::size_t first() const { return piece_.first; }
  std::size_t last() const { return piece_.end; }
  const PeerAnswer& answer() const { return *answer_; }
  bool ended() const { return ended_; }
  /// Tells the peer to stop. Not from inside one of its calls.
  void cancel() {
    ended_ = true;
    fetch_.reset();
  }
  /// True the first time.
  bool end_once() { return !std::exchange(ended_, true); }

  void on_frame(ReceivedFrame frame) override {
    if (!ended_) operation_.on_frame(*this, std::move(frame));
  }
  void on_gone(std::uint32_t first_block, std::uint32_t blocks) override {
    if (!ended_) operation_.on_gone(*this, first_block, blocks);
  }
  void on_end(base::Result<> outcome) override { operation_.on_fetch_end(*this, outcome); }

 private:
  TransferOperation& operation_;
  const std::shared_ptr<const PeerAnswer> answer_;
  const FetchSchedule::Piece piece_;
  bool ended_ = false;
  std::unique_ptr<Fetch> fetch_;
};

}  // namespace kvp2p
