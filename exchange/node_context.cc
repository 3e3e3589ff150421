#include "exchange/node_context.h"

#include "exchange/exchange_error.h"
#include "wire/limits.h"

namespace kvp2p {

namespace {

base::Task<> run_counted([[maybe_unused]] std::unique_ptr<RunningGuard> guard,
                         [[maybe_unused]] std::shared_ptr<void> keep, base::Task<> task) {
  co_await std::move(task);
}

struct Opening {
  std::optional<base::Result<std::unique_ptr<libp2p::Stream>>> result;
};

base::Task<> run_opening(std::shared_ptr<NodeContext> context, std::shared_ptr<libp2p::Connection> connection,
                         std::shared_ptr<Opening> opening) {
  std::vector<std::string> protocols;
  protocols.emplace_back(wire::kProtocolId);
  auto opened = co_await connection->new_stream(std::move(protocols));
  if (opened) {
    opening->result.emplace(std::move(opened->stream));
  } else {
    opening->result.emplace(opened.error());
  }
  context->closing_changed.notify_all();
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
  // On its own and not counted: it holds nothing of the exchange but the context.
  auto opening = std::make_shared<Opening>();
  base::spawn(context->executor, run_opening(context, std::move(connection), opening));
  while (!opening->result && !context->closing) co_await context->closing_changed.wait();
  if (!opening->result) co_return ExchangeError::kClosing;
  co_return std::move(*opening->result);
}

}  // namespace kvp2p
