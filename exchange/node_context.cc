#include "exchange/node_context.h"

#include "exchange/exchange_error.h"
#include "wire/limits.h"

namespace kvp2p {

namespace {

base::Task<> run_counted([[maybe_unused]] std::unique_ptr<RunningGuard> guard,
                         [[maybe_unused]] std::shared_ptr<void> keep, base::Task<> task) {
  co_await std::move(task);
}

/// On its own and not counted: it holds nothing of the exchange but the context.
template <class T>
struct Opening {
  std::optional<base::Result<T>> result;
};

template <class T>
void finish(NodeContext& context, Opening<T>& opening, base::Result<T> result) {
  opening.result.emplace(std::move(result));
  context.closing_changed.notify_all();
}

using StreamOpening = Opening<std::unique_ptr<libp2p::Stream>>;

base::Task<> run_opening(std::shared_ptr<NodeContext> context, std::shared_ptr<libp2p::Connection> connection,
                         std::shared_ptr<StreamOpening> opening) {
  std::vector<std::string> protocols;
  protocols.emplace_back(wire::kProtocolId);
  auto opened = co_await connection->new_stream(std::move(protocols));
  base::Result<std::unique_ptr<libp2p::Stream>> result = ExchangeError::kPeerGone;
  if (opened) {
    result = std::move(opened->stream);
  } else {
    result = opened.error();
  }
  finish(*context, *opening, std::move(result));
}

using DataOpening = Opening<libp2p::DataConnection>;

base::Task<> run_data_opening(std::shared_ptr<NodeContext> context, multiformats::PeerId peer,
                              std::vector<multiformats::Multiaddr> addresses, std::shared_ptr<DataOpening> opening) {
  auto opened = co_await context->host.open_data_connection(std::move(peer), std::move(addresses));
  finish(*context, *opening, std::move(opened));
}

/// Does not wait for it any more once the node closes.
template <class T>
base::Task<base::Result<T>> wait_for(std::shared_ptr<NodeContext> context, std::shared_ptr<Opening<T>> opening) {
  while (!opening->result && !context->closing) co_await context->closing_changed.wait();
  if (!opening->result) co_return ExchangeError::kClosing;
  co_return std::move(*opening->result);
}

}  // namespace

void spawn_counted(const std::shared_ptr<NodeContext>& context, base::Task<> task, std::shared_ptr<void> keep) {
  auto guard = std::make_unique<RunningGuard>(context);
  base::spawn(context->executor, run_counted(std::move(guard), std::move(keep), std::move(task)));
}

base::Task<> pause(std::shared_ptr<NodeContext> context, base::Duration time,
                   std::shared_ptr<libp2p::Connection> connection) {
  bool due = false;
  auto timer = context->clock.call_at(context->clock.now() + time, [&due, raw = context.get()] {
    due = true;
    raw->closing_changed.notify_all();
  });
  while (!due && !context->closing && !(connection && connection->is_closed())) {
    co_await context->closing_changed.wait();
  }
}

base::Task<base::Result<std::unique_ptr<libp2p::Stream>>> open_stream(std::shared_ptr<NodeContext> context,
                                                                      std::shared_ptr<libp2p::Connection> connection) {
  auto opening = std::make_shared<StreamOpening>();
  base::spawn(context->executor, run_opening(context, std::move(connection), opening));
  co_return co_await wait_for(context, std::move(opening));
}

base::Task<base::Result<libp2p::DataConnection>> open_data_connection(std::shared_ptr<NodeContext> context,
                                                                      multiformats::PeerId peer,
                                                                      std::vector<multiformats::Multiaddr> addresses) {
  auto opening = std::make_shared<DataOpening>();
  base::spawn(context->executor, run_data_opening(context, std::move(peer), std::move(addresses), opening));
  co_return co_await wait_for(context, std::move(opening));
}

}  // namespace kvp2p
