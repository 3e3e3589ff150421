#include "libp2p/hardening/fault_session.h"

#include "libp2p/muxers/yamux/yamux_muxer.h"
#include "libp2p/security/noise/noise_security.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace libp2p::hardening {

using namespace std::chrono_literals;
using testing::FaultPlan;

namespace {

constexpr std::string_view kEcho = "/test/echo/1.0.0";
constexpr std::string_view kAnswerAtEnd = "/test/answer-at-end/1.0.0";
constexpr std::string_view kReset = "/test/reset/1.0.0";
constexpr std::string_view kServedLater = "/test/served-later/1.0.0";
/// More than any time-out of the stack, and those that may follow each other.
constexpr base::Duration kTimeMax = 60s;
/// Turns of the event loop without an end that are taken for an endless loop.
constexpr std::size_t kTurnsMax = 200'000;

/// Hands out streams that break.
class FaultSecurity final : public Security {
 public:
  FaultSecurity(const base::Executor& executor, std::unique_ptr<Security> inner, std::shared_ptr<FaultPlan> plan)
      : executor_(executor), inner_(std::move(inner)), plan_(std::move(plan)) {}
  std::string_view protocol_id() const override { return inner_->protocol_id(); }
  base::Task<base::Result<SecuredStream>> secure_outbound(std::unique_ptr<Stream> raw,
                                                          std::optional<multiformats::PeerId> expected) override {
    auto secured = co_await inner_->secure_outbound(std::move(raw), expected);
    if (secured) secured->stream = make_fault_stream(executor_, std::move(secured->stream), plan_);
    co_return secured;
  }
  base::Task<base::Result<SecuredStream>> secure_inbound(std::unique_ptr<Stream> raw) override {
    auto secured = co_await inner_->secure_inbound(std::move(raw));
    if (secured) secured->stream = make_fault_stream(executor_, std::move(secured->stream), plan_);
    co_return secured;
  }

 private:
  base::Executor executor_;
  std::unique_ptr<Security> inner_;
  std::shared_ptr<FaultPlan> plan_;
};

class FaultConnection final : public MuxedConnection {
 public:
  using Opened = base::Result<std::unique_ptr<Stream>>;
  FaultConnection(const base::Executor& executor, std::shared_ptr<MuxedConnection> inner,
                  std::shared_ptr<FaultPlan> plan)
      : executor_(executor), inner_(std::move(inner)), plan_(std::move(plan)) {}
  base::Task<Opened> open_stream() override { return wrap(inner_->open_stream(), executor_, plan_); }
  base::Task<Opened> accept_stream() override { return wrap(inner_->accept_stream(), executor_, plan_); }
  base::Task<> close() override { return inner_->close(); }
  void abort() noexcept override { inner_->abort(); }
  bool is_closed() const override { return inner_->is_closed(); }
  bool takes_streams() const override { return inner_->takes_streams(); }
  std::size_t stream_count() const override { return inner_->stream_count(); }
  void set_stream_budget(std::shared_ptr<StreamBudget> budget) override {
    inner_->set_stream_budget(std::move(budget));
  }

 private:
  static base::Task<Opened> wrap(base::Task<Opened> task, base::Executor executor, std::shared_ptr<FaultPlan> plan) {
    auto stream = co_await std::move(task);
    if (stream) *stream = make_fault_stream(executor, std::move(*stream), plan);
    co_return stream;
  }

  base::Executor executor_;
  std::shared_ptr<MuxedConnection> inner_;
  std::shared_ptr<FaultPlan> plan_;
};

class FaultMuxer final : public Muxer {
 public:
  FaultMuxer(std::unique_ptr<Muxer> inner, std::shared_ptr<FaultPlan> plan)
      : inner_(std::move(inner)), plan_(std::move(plan)) {}
  std::string_view protocol_id() const override { return inner_->protocol_id(); }
  std::shared_ptr<MuxedConnection> start(const base::Executor& executor, std::unique_ptr<Stream> secured,
                                         bool is_dialler) override {
    return std::make_shared<FaultConnection>(executor, inner_->start(executor, std::move(secured), is_dialler), plan_);
  }

 private:
  std::unique_ptr<Muxer> inner_;
  std::shared_ptr<FaultPlan> plan_;
};

// What the listener serves.

base::Task<> echo(std::shared_ptr<Connection>, std::unique_ptr<Stream> stream) {
  base::Bytes chunk(50'000);
  for (;;) {
    auto count = co_await stream->read_some(chunk);
    if (!count) co_return;
    if (*count == 0) break;
    const base::ConstBytes bytes(chunk.data(), *count);
    auto written = co_await stream->write(bytes);
    if (!written) co_return;
  }
  (void)co_await stream->close_write();
}

base::Task<base::Result<std::size_t>> read_to_end(Stream& stream) {
  base::Bytes chunk(50'000);
  std::size_t total = 0;
  for (;;) {
    auto count = co_await stream.read_some(chunk);
    if (!count) co_return count;
    if (*count == 0) co_return total;
    total += *count;
  }
}

base::Task<> answer_at_end(std::shared_ptr<Connection>, std::unique_ptr<Stream> stream) {
  auto total = co_await read_to_end(*stream);
  if (!total) co_return;
  const base::Bytes answer(*total, 3);
  (void)co_await stream->write(answer);
  (void)co_await stream->close_write();
}

base::Task<> reset(std::shared_ptr<Connection>, std::unique_ptr<Stream> stream) {
  std::uint8_t byte = 0;
  (void)co_await stream->read_some(base::MutableBytes(&byte, 1));
  stream->reset();
}

// The steps of the dialler: each is whether it went as it does without a fault. What goes wrong must not look right.

base::Task<base::Result<std::unique_ptr<Stream>>> open(std::shared_ptr<Connection> connection,
                                                       std::string_view protocol) {
  std::vector<std::string> protocols{std::string(protocol)};
  auto opened = co_await connection->new_stream(std::move(protocols));
  if (!opened) co_return opened.error();
  co_return std::move(opened->stream);
}

base::Task<> write_and_close(Stream& stream, const base::Bytes& bytes, bool& done) {
  auto written = co_await stream.write(bytes);
  if (written) written = co_await stream.close_write();
  if (!written) stream.reset();  // or the reader would wait for what never comes
  done = true;
}

base::Task<bool> echo_step(std::shared_ptr<Connection> connection, std::size_t size) {
  auto opened = co_await open(connection, kEcho);
  if (!opened) co_return false;
  Stream& stream = **opened;
  const base::Bytes sent(size, static_cast<std::uint8_t>(size));
  auto executor = co_await boost::asio::this_coro::executor;
  bool written = false;
  base::spawn(executor, write_and_close(stream, sent, written));
  base::Bytes received(size);
  auto read = co_await read_exact(stream, received);
  EXPECT_TRUE(!read || received == sent);
  if (!read) stream.reset();
  while (!written) co_await base::yield_now();
  if (!read) co_return false;
  std::uint8_t more = 0;
  auto end = co_await stream.read_some(base::MutableBytes(&more, 1));
  EXPECT_TRUE(!end || *end == 0);
  co_return end.has_value();
}

base::Task<bool> half_close_step(std::shared_ptr<Connection> connection) {
  auto opened = co_await open(connection, kAnswerAtEnd);
  if (!opened) co_return false;
  Stream& stream = **opened;
  const base::Bytes sent(1000, 1);
  auto done = co_await stream.write(sent);
  if (done) done = co_await stream.close_write();
  if (!done) co_return false;
  auto answer = co_await read_to_end(stream);
  co_return answer&&* answer == sent.size();
}

base::Task<bool> be_reset_step(std::shared_ptr<Connection> connection) {
  auto opened = co_await open(connection, kReset);
  if (!opened) co_return false;
  const base::Bytes sent(1, 1);
  auto written = co_await (*opened)->write(sent);
  if (!written) co_return true;  // the reset may come before the write has returned
  auto answer = co_await read_to_end(**opened);
  co_return !answer;
}

base::Task<bool> drop_step(std::shared_ptr<Connection> connection) {
  auto opened = co_await open(connection, kEcho);
  if (!opened) co_return false;
  const base::Bytes sent(5000, 1);
  auto written = co_await (*opened)->write(sent);
  co_return written.has_value();
}

bool knows_of_later_protocol(const Host& host, const Host& of) {
  const auto info = host.peer_info(of.peer_id());
  return info && std::find(info->protocols.begin(), info->protocols.end(), kServedLater) != info->protocols.end();
}

base::Task<bool> ping_step(Host& host, std::shared_ptr<Connection> connection) {
  auto round_trip = co_await host.ping(connection);
  co_return round_trip.has_value();
}

}  // namespace

struct FaultSession::Outcome {
  std::optional<base::Result<std::shared_ptr<Connection>>> connected;
  int steps = 0;
  int ended = 0;
  std::vector<std::string> failed;
  int closed_hosts = 0;
};

FaultSession::FaultSession(const FaultCase& fault, std::size_t at)
    : fault_(fault), network_(io_.get_executor(), fault.network), outcome_(std::make_shared<Outcome>()) {
  static const multiformats::PrivateKey keys[] = {multiformats::PrivateKey::generate(),
                                                  multiformats::PrivateKey::generate()};
  plan_->kind = fault.kind;
  plan_->at = at;
  dialler_ = make_host(keys[0], fault.at_dialler);
  listener_ = make_host(keys[1], !fault.at_dialler);
}

FaultSession::~FaultSession() = default;

std::unique_ptr<Host> FaultSession::make_host(const multiformats::PrivateKey& key, bool is_faulty) {
  const base::Executor executor = io_.get_executor();
  testing::MemoryTransport::Wrap wrap;
  if (is_faulty && fault_.layer == FaultLayer::kRaw) {
    wrap = [executor, plan = plan_](std::unique_ptr<Stream> raw) {
      return make_fault_stream(executor, std::move(raw), plan);
    };
  }
  std::unique_ptr<Security> security = std::make_unique<noise::NoiseSecurity>(key, "/yamux/1.0.0");
  if (is_faulty && fault_.layer == FaultLayer::kSecured) {
    security = std::make_unique<FaultSecurity>(executor, std::move(security), plan_);
  }
  std::unique_ptr<Muxer> muxer = std::make_unique<YamuxMuxer>(clock_);
  if (is_faulty && fault_.layer == FaultLayer::kMuxed) muxer = std::make_unique<FaultMuxer>(std::move(muxer), plan_);
  HostParts parts;
  parts.transports.push_back(std::make_unique<testing::MemoryTransport>(network_, std::move(wrap)));
  parts.securities.push_back(std::move(security));
  parts.muxers.push_back(std::move(muxer));
  auto host = std::make_unique<HostImpl>(executor, clock_, HostConfig{.key = key}, std::move(parts));
  host->set_stream_handler(std::string(kEcho), echo);
  host->set_stream_handler(std::string(kAnswerAtEnd), answer_at_end);
  host->set_stream_handler(std::string(kReset), reset);
  return host;
}

void FaultSession::settle() {
  io_.restart();
  io_.poll();
}

void FaultSession::run_until(const char* what, const std::function<bool()>& done) {
  std::size_t turns = 0;
  for (base::Duration passed{}; !done() && passed < kTimeMax; passed += 1s) {
    io_.restart();
    while (!done() && turns < kTurnsMax && io_.poll_one() > 0) ++turns;
    if (!done()) clock_.advance(1s);
  }
  ASSERT_TRUE(done()) << what << " does not come to an end; operation " << plan_->at << " broke";
}

bool FaultSession::run() {
  struct Connect {
    static base::Task<> run(Host& from, multiformats::PeerId peer, multiformats::Multiaddr at,
                            std::shared_ptr<Outcome> outcome) {
      std::vector<multiformats::Multiaddr> addresses{at};
      outcome->connected = co_await from.connect(peer, std::move(addresses));
    }
  };
  const auto at = listener_->listen(multiformats::Multiaddr::from_text("/ip4/127.0.0.1/tcp/0").value()).value();
  base::spawn(io_.get_executor(), Connect::run(*dialler_, listener_->peer_id(), at, outcome_));
  run_until("connecting", [this] { return outcome_->connected.has_value(); });
  if (*outcome_->connected) start_steps();
  const bool may_fail = plan_->has_struck() && fault_.kind != testing::FaultKind::kShort;
  if (!may_fail) {
    EXPECT_TRUE(*outcome_->connected);
    EXPECT_TRUE(knows_of_later_protocol(*dialler_, *listener_) && knows_of_later_protocol(*listener_, *dialler_));
    EXPECT_THAT(outcome_->failed, ::testing::IsEmpty()) << "operation " << plan_->at << " broke";
  }
  expect_all_gone();
  close_hosts();
  return plan_->has_struck();
}

void FaultSession::spawn_step(const char* name, base::Task<bool> step) {
  struct Step {
    static base::Task<> run(const char* step_name, base::Task<bool> task, std::shared_ptr<Outcome> outcome) {
      const bool good = co_await std::move(task);
      ++outcome->ended;
      if (!good) outcome->failed.emplace_back(step_name);
    }
  };
  ++outcome_->steps;
  base::spawn(io_.get_executor(), Step::run(name, std::move(step), outcome_));
}

void FaultSession::start_steps() {
  settle();  // identify, both ways
  for (Host* host : {dialler_.get(), listener_.get()}) host->set_stream_handler(std::string(kServedLater), echo);
  const std::shared_ptr<Connection> connection = **outcome_->connected;
  spawn_step("echo a byte", echo_step(connection, 1));
  spawn_step("echo much", echo_step(connection, 70'000));
  spawn_step("half-close", half_close_step(connection));
  spawn_step("be reset", be_reset_step(connection));
  spawn_step("drop a stream", drop_step(connection));
  spawn_step("ping", ping_step(*dialler_, connection));
  for (const auto& inbound : listener_->connections()) spawn_step("be pinged", ping_step(*listener_, inbound));
  run_until("a step", [this] { return outcome_->ended == outcome_->steps; });
  settle();
}

void FaultSession::expect_all_gone() {
  if (*outcome_->connected) (**outcome_->connected)->close();
  run_until("a connection", [this] { return dialler_->connections().empty() && listener_->connections().empty(); });
  if (*outcome_->connected) {
    const std::shared_ptr<Connection>& connection = **outcome_->connected;
    EXPECT_TRUE(connection->is_closed());
    EXPECT_EQ(connection->stream_count(), 0u);
  }
}

void FaultSession::close_hosts() {
  struct Close {
    static base::Task<> run(Host& host, std::shared_ptr<Outcome> outcome) {
      co_await host.close();
      ++outcome->closed_hosts;
    }
  };
  for (const auto& host : {dialler_.get(), listener_.get()}) {
    base::spawn(io_.get_executor(), Close::run(*host, outcome_));
  }
  run_until("closing a host", [this] { return outcome_->closed_hosts == 2; });
  outcome_->connected.reset();
  dialler_.reset();
  listener_.reset();
  settle();
  EXPECT_TRUE(io_.stopped()) << "a coroutine waits for ever; operation " << plan_->at << " broke";
  EXPECT_EQ(plan_->streams, 0u) << "operation " << plan_->at << " broke";
}

}  // namespace libp2p::hardening
