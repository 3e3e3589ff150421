// A connection that breaks at any of its operations: whatever breaks, everything ends, and nothing is left.
#include "libp2p/core/error.h"
#include "libp2p/host/host_fixture.h"

namespace libp2p {
namespace {

enum class Fault { kReset, kEndOfStream };

/// Which operation on the raw connections of a host breaks.
struct FaultPlan {
  Fault fault;
  int operations_left;
  bool struck = false;

  bool strikes() {
    if (operations_left-- > 0) return false;
    struck = true;
    return true;
  }
};

class FaultyStream final : public Stream {
 public:
  FaultyStream(std::unique_ptr<Stream> inner, std::shared_ptr<FaultPlan> plan)
      : inner_(std::move(inner)), plan_(std::move(plan)) {}

  base::Task<base::Result<std::size_t>> read_some(base::MutableBytes into) override {
    if (!plan_->strikes()) co_return co_await inner_->read_some(into);
    if (plan_->fault == Fault::kEndOfStream) co_return std::size_t{0};
    inner_->reset();
    co_return Error::kReset;
  }

  base::Task<base::Result<>> write(base::ConstBytes bytes) override {
    if (!plan_->strikes()) co_return co_await inner_->write(bytes);
    inner_->reset();
    co_return Error::kReset;
  }

  base::Task<base::Result<>> close_write() override { return inner_->close_write(); }
  void reset() noexcept override { inner_->reset(); }

 private:
  std::unique_ptr<Stream> inner_;
  std::shared_ptr<FaultPlan> plan_;
};

class FaultyListener final : public Listener {
 public:
  FaultyListener(std::unique_ptr<Listener> inner, std::shared_ptr<FaultPlan> plan)
      : inner_(std::move(inner)), plan_(std::move(plan)) {}

  multiformats::Multiaddr local_address() const override { return inner_->local_address(); }
  base::Task<base::Result<RawConnection>> accept() override {
    auto raw = co_await inner_->accept();
    if (raw) raw->stream = std::make_unique<FaultyStream>(std::move(raw->stream), plan_);
    co_return raw;
  }
  void close() noexcept override { inner_->close(); }

 private:
  std::unique_ptr<Listener> inner_;
  std::shared_ptr<FaultPlan> plan_;
};

class FaultyTransport final : public Transport {
 public:
  FaultyTransport(std::unique_ptr<Transport> inner, std::shared_ptr<FaultPlan> plan)
      : inner_(std::move(inner)), plan_(std::move(plan)) {}

  bool can_dial(const multiformats::Multiaddr& address) const override { return inner_->can_dial(address); }
  base::Task<base::Result<RawConnection>> dial(multiformats::Multiaddr address, base::Duration timeout) override {
    auto raw = co_await inner_->dial(address, timeout);
    if (raw) raw->stream = std::make_unique<FaultyStream>(std::move(raw->stream), plan_);
    co_return raw;
  }
  base::Result<std::unique_ptr<Listener>> listen(const multiformats::Multiaddr& address) override {
    auto listener = inner_->listen(address);
    if (!listener) return listener.error();
    return std::make_unique<FaultyListener>(std::move(*listener), plan_);
  }
  void close() noexcept override { inner_->close(); }

 private:
  std::unique_ptr<Transport> inner_;
  std::shared_ptr<FaultPlan> plan_;
};

struct FaultCase {
  const char* name;
  bool at_dialler;
  Fault fault;
};

class HostFaultTest : public HostTest, public ::testing::WithParamInterface<FaultCase> {
 protected:
  /// Connects, exchanges bytes, pings, both ways, and closes, with the operation after `operations` breaking. Whether
  /// it came to that.
  bool run_with_fault(int operations) {
    auto plan = std::make_shared<FaultPlan>(FaultPlan{GetParam().fault, operations});
    Host& dialler = add_faulty_host(GetParam().at_dialler ? plan : nullptr);
    Host& listener = add_faulty_host(GetParam().at_dialler ? nullptr : plan);
    listen(listener);
    if (const auto connection = run(dialler.connect(listener.peer_id(), listener.addresses()))) {
      const base::Bytes bytes(200'000, 5);
      const auto echoed = run(send_and_receive(*connection, bytes));
      EXPECT_TRUE(!echoed || *echoed == bytes);
      (void)run(dialler.ping(*connection));
      for (const auto& inbound : listener.connections()) (void)run(listener.ping(inbound));
    }
    TearDown();
    return plan->struck;
  }

 private:
  Host& add_faulty_host(std::shared_ptr<FaultPlan> plan) {
    const HostConfig with = config();
    HostParts made = parts(with);
    if (plan) made.transports[0] = std::make_unique<FaultyTransport>(std::move(made.transports[0]), plan);
    return add_host(with, std::move(made));
  }
};

TEST_P(HostFaultTest, EverythingEndsWhicheverOperationBreaks) {
  int operations = 0;
  while (run_with_fault(operations)) ++operations;
  EXPECT_GT(operations, 10) << "the scenario has hardly any operations";
}

INSTANTIATE_TEST_SUITE_P(Cases, HostFaultTest,
                         ::testing::Values(FaultCase{"ResetAtDialler", true, Fault::kReset},
                                           FaultCase{"EndOfStreamAtDialler", true, Fault::kEndOfStream},
                                           FaultCase{"ResetAtListener", false, Fault::kReset},
                                           FaultCase{"EndOfStreamAtListener", false, Fault::kEndOfStream}),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace libp2p
