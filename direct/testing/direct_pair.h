// An owner and a reader on host memory. For tests.
#pragma once

#include "base/event_loop.h"
#include "direct/direct_client.h"
#include "direct/direct_server.h"
#include "gpu/host_connector.h"
#include "gpu/shared_memory.h"
#include "gpu/testing/layouts.h"

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <cstring>
#include <future>
#include <thread>

namespace kvp2p::testing {

/// Time that tests move; now() from any thread.
class TestClock final : public base::Clock {
 public:
  base::TimePoint now() const override { return base::TimePoint(base::Duration(now_.load())); }
  std::unique_ptr<base::Timer> call_at(base::TimePoint, std::function<void()>) override { return nullptr; }
  void advance(base::Duration time) { now_ += time.count(); }

 private:
  std::atomic<std::int64_t> now_{1'000'000'000};
};

multiformats::PeerId test_peer(std::uint8_t number);

class DirectPairTest : public ::testing::Test {
 protected:
  DirectPairTest();
  ~DirectPairTest() override;

  /// Memory of `layout` (NHD by default) at the owner, known to its server.
  RegionId add_owned_region();
  /// All bytes of the owner's regions.
  void fill(std::uint8_t byte);
  /// Runs the node thread until the client has opened the server's regions.
  base::Result<> open();
  base::Result<> open(DirectTicket ticket);
  template <class T>
  T run(base::Task<T> task);
  /// Waits for a thread of the server or client; fails the test after a minute.
  void until(const std::function<bool()>& condition);
  /// Whether a read of the slot counts; checks that its bytes are then the owner's.
  bool read(PeerRegion& from, Slot slot, std::uint64_t generation);

  boost::asio::io_context context;
  TestClock clock;
  const multiformats::PeerId owner_id = test_peer(1);
  const multiformats::PeerId reader_id = test_peer(2);
  NamedLayout layout = nhd({});
  HostConnector owner{"test", 1};
  HostConnector reader{"test", 1};
  std::vector<SharedMemory> owned;
  SharedMemory target;
  RegionId target_region{};
  std::unique_ptr<DirectServer> server;
  std::unique_ptr<DirectClient> client;
};

template <class T>
T DirectPairTest::run(base::Task<T> task) {
  context.restart();
  std::optional<T> result;
  boost::asio::co_spawn(context, std::move(task), [&](std::exception_ptr error, T value) {
    if (error) std::rethrow_exception(error);
    result.emplace(std::move(value));
  });
  auto guard = boost::asio::make_work_guard(context);
  while (!result) context.run_one();
  return std::move(*result);
}

}  // namespace kvp2p::testing
