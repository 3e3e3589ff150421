#include "exchange/node_context.h"

namespace kvp2p {

namespace {

base::Task<> run_counted([[maybe_unused]] std::unique_ptr<RunningGuard> guard,
                         [[maybe_unused]] std::shared_ptr<void> keep, base::Task<> task) {
  co_await std::move(task);
}

}  // namespace

void spawn_counted(const std::shared_ptr<NodeContext>& context, base::Task<> task, std::shared_ptr<void> keep) {
  auto guard = std::make_unique<RunningGuard>(context);
  base::spawn(context->executor, run_counted(std::move(guard), std::move(keep), std::move(task)));
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
