// A muxer session that carries nothing, for tests of what connections are there.
#pragma once

#include "libp2p/core/error.h"
#include "libp2p/core/muxer.h"

namespace libp2p::testing {

/// Only good for being told apart and ended.
class FakeSession final : public MuxedConnection {
 public:
  base::Task<base::Result<std::unique_ptr<Stream>>> open_stream() override { co_return Error::kConnectionClosed; }
  base::Task<base::Result<std::unique_ptr<Stream>>> accept_stream() override { co_return Error::kConnectionClosed; }
  base::Task<> close() override { co_return; }
  void abort() noexcept override { aborted = true; }
  bool is_closed() const override { return aborted; }
  bool takes_streams() const override { return !aborted && !goes_away; }
  std::size_t stream_count() const override { return streams; }
  void set_stream_budget(std::shared_ptr<StreamBudget>) override {}

  bool aborted = false;
  bool goes_away = false;
  std::size_t streams = 0;
};

}  // namespace libp2p::testing
