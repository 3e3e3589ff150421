#include "libp2p/host/task_group.h"

namespace libp2p {

base::Task<> TaskGroup::run(std::shared_ptr<State> state, base::Task<> task) {
  co_await std::move(task);
  if (--state->running == 0) state->ended.notify_all();
}

base::Task<> TaskGroup::wait(std::shared_ptr<State> state) {
  while (state->running > 0) co_await state->ended.wait();
}

}  // namespace libp2p
