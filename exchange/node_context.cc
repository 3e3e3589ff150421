#include "exchange/node_context.h"

namespace kvp2p {

namespace {

base::Task<> run_counted(std::shared_ptr<NodeContext> context, base::Task<> task) {
  RunningGuard guard(context);
  co_await std::move(task);
}

}  // namespace

void spawn_counted(const std::shared_ptr<NodeContext>& context, base::Task<> task) {
  base::spawn(context->executor, run_counted(context, std::move(task)));
}

base::Task<> pause(std::shared_ptr<NodeContext> context, base::Duration time) {
  bool due = false;
  auto timer = context->clock.call_at(context->clock.now() + time, [&due, raw = context.get()] {
    due = true;
    raw->closing_changed.notify_all();
  });
  while (!due && !context->closing) co_await context->closing_changed.wait();
}

}  // namespace kvp2p
