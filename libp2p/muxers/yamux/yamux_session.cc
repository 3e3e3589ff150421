#include "libp2p/muxers/yamux/yamux_session.h"

#include "libp2p/core/error.h"
#include "libp2p/muxers/yamux/session_state.h"
#include "libp2p/muxers/yamux/yamux_stream.h"

namespace libp2p::yamux {

YamuxSession::~YamuxSession() {
  if (!state_->ended()) abort();
}

base::Task<base::Result<std::unique_ptr<Stream>>> YamuxSession::open_stream() {
  auto state = state_;
  auto stream = state->open();
  if (!stream) co_return stream.error();
  std::unique_ptr<Stream> handle = std::make_unique<YamuxStream>(state, *stream);
  co_return handle;
}

base::Task<base::Result<std::unique_ptr<Stream>>> YamuxSession::accept_stream() {
  auto state = state_;
  auto stream = co_await state->accept();
  if (!stream) co_return stream.error();
  std::unique_ptr<Stream> handle = std::make_unique<YamuxStream>(state, *stream);
  co_return handle;
}

base::Task<> YamuxSession::close() {
  auto state = state_;
  state->begin_close(GoAwayCode::kNormal, Error::kConnectionClosed);
  co_await state->wait_closed();
}

void YamuxSession::abort() noexcept { state_->abort(Error::kConnectionClosed, true); }

bool YamuxSession::is_closed() const { return state_->ended().has_value(); }

bool YamuxSession::takes_streams() const { return state_->takes_streams(); }

std::size_t YamuxSession::stream_count() const { return state_->stream_count(); }

void YamuxSession::set_stream_budget(std::shared_ptr<StreamBudget> budget) {
  state_->set_stream_budget(std::move(budget));
}

}  // namespace libp2p::yamux
