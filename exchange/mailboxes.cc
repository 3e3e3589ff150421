#include "exchange/mailboxes.h"

#include "exchange/exchange_error.h"
#include "exchange/limits.h"

namespace kvp2p {

namespace {

// Answers that one request has at most: put_answer and put_end, or one and an error.
constexpr std::size_t kAnswersMax = 4;

}  // namespace

base::Task<base::Result<wire::Body>> Mailbox::next(base::Clock& clock, base::TimePoint deadline) {
  bool due = false;
  std::unique_ptr<base::Timer> timer;
  if (bodies_.empty() && !failed_) {
    timer = clock.call_at(deadline, [this, &due] {
      due = true;
      changed_.notify_all();
    });
  }
  while (bodies_.empty() && !failed_ && !due) co_await changed_.wait();
  if (!bodies_.empty()) {
    wire::Body body = std::move(bodies_.front());
    bodies_.pop_front();
    co_return body;
  }
  if (failed_) co_return failed_;
  co_return ExchangeError::kTimeout;
}

std::shared_ptr<Mailbox> Mailboxes::open(std::uint64_t id) {
  if (open_.size() >= kRequestsSentMax) {
    std::erase_if(open_, [](const auto& entry) { return entry.second.expired(); });
    if (open_.size() >= kRequestsSentMax) return nullptr;
  }
  auto mailbox = std::make_shared<Mailbox>(executor_);
  open_[id] = mailbox;
  return mailbox;
}

std::shared_ptr<Mailbox> Mailboxes::find(std::uint64_t id) {
  auto at = open_.find(id);
  if (at == open_.end()) return nullptr;
  auto mailbox = at->second.lock();
  if (!mailbox) open_.erase(at);
  return mailbox;
}

bool Mailboxes::deliver(std::uint64_t id, wire::Body body) {
  auto mailbox = find(id);
  if (!mailbox || mailbox->bodies_.size() >= kAnswersMax) return false;
  mailbox->bodies_.push_back(std::move(body));
  mailbox->changed_.notify_all();
  return true;
}

bool Mailboxes::fail(std::uint64_t id, base::Error error) {
  auto mailbox = find(id);
  if (!mailbox) return false;
  mailbox->failed_ = error;
  mailbox->changed_.notify_all();
  return true;
}

void Mailboxes::fail_all(base::Error error) {
  for (auto& [id, weak] : open_) {
    if (auto mailbox = weak.lock()) {
      mailbox->failed_ = error;
      mailbox->changed_.notify_all();
    }
  }
  open_.clear();
}

}  // namespace kvp2p
