#include "events/kv_event_publisher.h"

#include "base/log.h"
#include "base/thread_name.h"
#include "events/change_queue.h"
#include "events/replay_buffer.h"

#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.hpp>

#include <array>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>

namespace kvp2p {

namespace {

/// A replay request is a number. Larger messages end the asker's connection.
constexpr std::int64_t kRequestBytesMax = 64;
/// What is still to be sent at the end gets so long.
constexpr int kLingerMs = 200;

std::array<std::uint8_t, 8> big_endian(std::uint64_t number) {
  std::array<std::uint8_t, 8> bytes;
  base::store_be32(bytes.data(), static_cast<std::uint32_t>(number >> 32));
  base::store_be32(bytes.data() + 4, static_cast<std::uint32_t>(number));
  return bytes;
}

double unix_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

class Publisher final : public KvEventPublisher {
 public:
  explicit Publisher(KvEventsConfig config)
      : config_(std::move(config)),
        kept_(config_.replay_batches_max, kReplayBytesMax),
        wake_(::eventfd(0, EFD_CLOEXEC)) {
    changes_.cleared();
  }
  ~Publisher() override {
    {
      std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    wake();
    if (thread_.joinable()) thread_.join();
    ::close(wake_);
  }

  base::Result<> bind() {
    publish_.set(zmq::sockopt::sndhwm, kSubscriberMessagesMax);
    publish_.set(zmq::sockopt::linger, kLingerMs);
    replay_.set(zmq::sockopt::maxmsgsize, kRequestBytesMax);
    replay_.set(zmq::sockopt::sndhwm, kSubscriberMessagesMax);
    replay_.set(zmq::sockopt::linger, kLingerMs);
    if (auto bound = bind(publish_, config_.endpoint, endpoint_); !bound) return bound;
    if (config_.replay_endpoint.empty()) return {};
    return bind(replay_, config_.replay_endpoint, replay_endpoint_);
  }
  void start_thread() {
    thread_ = std::thread([this] {
      base::name_this_thread("kv-events");
      run();
    });
  }

  void stored(const BlockKey& key) override {
    change([&] { changes_.stored(key); });
  }
  void removed(const BlockKey& key) override {
    change([&] { changes_.removed(key); });
  }
  void cleared() override {
    change([&] { changes_.cleared(); });
  }
  std::string endpoint() const override { return endpoint_; }
  std::string replay_endpoint() const override { return replay_endpoint_; }

 private:
  static base::Result<> bind(zmq::socket_t& socket, const std::string& endpoint, std::string& bound) {
    if (!endpoint.starts_with("tcp://") && !endpoint.starts_with("ipc://")) return EventsError::kBadEndpoint;
    try {
      socket.bind(endpoint);
    } catch (const zmq::error_t& error) {
      LOG_ERROR("KV events: cannot bind to {}: {}", endpoint, error.what());
      return error.num() == EINVAL ? EventsError::kBadEndpoint : EventsError::kCannotBind;
    }
    bound = socket.get(zmq::sockopt::last_endpoint);
    return {};
  }

  template <class Change>
  void change(Change&& make) {
    std::scoped_lock lock(mutex_);
    const bool first = changes_.empty();
    make();
    if (first) wake();
  }
  void wake() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
  }

  // On the thread ----------------------------------------------------------------------------------------------------

  void run() {
    publish_changes();
    std::optional<base::TimePoint> due;
    while (!wait(due)) {
      if (due && std::chrono::steady_clock::now() >= *due) {
        publish_changes();
        due.reset();
      }
    }
    publish_changes();
  }

  /// Until it is due, or a change or a request has come. True: it is time to stop.
  bool wait(std::optional<base::TimePoint>& due) {
    std::vector<zmq::pollitem_t> items = {{nullptr, wake_, ZMQ_POLLIN, 0}};
    if (!replay_endpoint_.empty()) items.push_back({replay_.handle(), 0, ZMQ_POLLIN, 0});
    auto timeout = std::chrono::milliseconds(-1);
    if (due) {
      const auto left = std::max(*due - std::chrono::steady_clock::now(), base::Duration::zero());
      timeout = std::chrono::ceil<std::chrono::milliseconds>(left);
    }
    try {
      zmq::poll(items, timeout);
    } catch (const zmq::error_t& error) {
      if (error.num() != EINTR) throw;
      return false;
    }
    if (items.size() > 1 && (items[1].revents & ZMQ_POLLIN) != 0) answer_replay();
    if ((items[0].revents & ZMQ_POLLIN) != 0) {
      std::uint64_t count = 0;
      [[maybe_unused]] const auto read = ::read(wake_, &count, sizeof count);
      if (!due) due = std::chrono::steady_clock::now() + config_.batch_delay;
    }
    std::scoped_lock lock(mutex_);
    return stopping_;
  }

  void publish_changes() {
    KvEventBatch batch;
    {
      std::scoped_lock lock(mutex_);
      batch.events = changes_.take();
    }
    if (batch.events.empty()) return;
    batch.unix_seconds = unix_seconds();
    const base::Bytes bytes = encode_kv_events(batch, config_.format);
    zmq::message_t payload(bytes.data(), bytes.size());
    const std::uint64_t sequence = next_sequence_++;
    zmq::message_t shared;
    shared.copy(payload);  // of large ones the bytes are shared
    kept_.add(sequence, std::move(payload));
    const auto number = big_endian(sequence);
    send(publish_, zmq::message_t(config_.topic), true);
    send(publish_, zmq::message_t(number), true);
    send(publish_, std::move(shared), false);
  }

  void answer_replay() {
    // One at a time: between them changes are published.
    std::vector<zmq::message_t> frames;
    do {
      zmq::message_t frame;
      if (!replay_.recv(frame, zmq::recv_flags::dontwait)) return;
      if (frames.size() < 4) frames.push_back(std::move(frame));
    } while (replay_.get(zmq::sockopt::rcvmore));
    if (frames.size() != 3 || frames[1].size() != 0 || frames[2].size() != sizeof(std::uint64_t)) return;
    const auto* bytes = frames[2].data<std::uint8_t>();
    const std::uint64_t first = static_cast<std::uint64_t>(base::load_be32(bytes)) << 32 | base::load_be32(bytes + 4);
    kept_.for_each_from(first, [&](std::uint64_t sequence, zmq::message_t& payload) {
      zmq::message_t shared;
      shared.copy(payload);
      answer(frames[0], big_endian(sequence), std::move(shared));
    });
    answer(frames[0], big_endian(UINT64_MAX), zmq::message_t());
  }
  void answer(zmq::message_t& asker, const std::array<std::uint8_t, 8>& number, zmq::message_t payload) {
    zmq::message_t identity;
    identity.copy(asker);
    send(replay_, std::move(identity), true);
    send(replay_, zmq::message_t(), true);
    send(replay_, zmq::message_t(number), true);
    send(replay_, std::move(payload), false);
  }
  /// To whom it cannot be sent now it is not sent: PUB and ROUTER drop whole messages then, and never wait.
  static void send(zmq::socket_t& socket, zmq::message_t message, bool more) {
    socket.send(message, more ? zmq::send_flags::sndmore | zmq::send_flags::dontwait : zmq::send_flags::dontwait);
  }

  const KvEventsConfig config_;
  std::string endpoint_;
  std::string replay_endpoint_;
  zmq::context_t context_;
  zmq::socket_t publish_{context_, zmq::socket_type::pub};
  zmq::socket_t replay_{context_, zmq::socket_type::router};
  // The thread's.
  ReplayBuffer<zmq::message_t> kept_;
  std::uint64_t next_sequence_ = 0;

  const int wake_;
  std::mutex mutex_;
  ChangeQueue changes_{kChangesMax};
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace

base::Result<std::unique_ptr<KvEventPublisher>> KvEventPublisher::start(KvEventsConfig config) {
  auto publisher = std::make_unique<Publisher>(std::move(config));
  if (auto bound = publisher->bind(); !bound) return bound.error();
  publisher->start_thread();
  return std::unique_ptr<KvEventPublisher>(std::move(publisher));
}

}  // namespace kvp2p
