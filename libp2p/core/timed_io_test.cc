#include "libp2p/core/timed_io.h"

#include "libp2p/core/error.h"
#include "libp2p/testing/memory_pipe.h"

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include <optional>

namespace libp2p {
namespace {

using namespace std::chrono_literals;

template <class T>
base::Task<> store(base::Task<T> task, std::optional<T>& into) {
  into.emplace(co_await std::move(task));
}
base::Task<> mark(base::Task<> task, bool& done) {
  co_await std::move(task);
  done = true;
}

class TimedIoTest : public ::testing::Test {
 protected:
  TimedIoTest() { std::tie(ours_, theirs_) = testing::make_memory_pipe(io_.get_executor()); }

  template <class T>
  void start(base::Task<T> task, std::optional<T>& into) {
    base::spawn(io_.get_executor(), store(std::move(task), into));
    poll();
  }
  void poll() {
    io_.restart();
    io_.poll();
  }
  base::TimePoint deadline() { return clock_.now() + 10s; }

  boost::asio::io_context io_;
  base::ManualClock clock_;
  std::unique_ptr<Stream> ours_, theirs_;
};

TEST_F(TimedIoTest, AMessageArrives) {
  std::optional<base::Result<base::Bytes>> read;
  start(read_message_by(*ours_, clock_, deadline(), 10), read);
  std::optional<base::Result<>> written;
  start(write_message_by(*theirs_, clock_, deadline(), {1, 2, 3}), written);
  ASSERT_TRUE(written && *written && read && *read);
  EXPECT_EQ(**read, (base::Bytes{1, 2, 3}));
}

TEST_F(TimedIoTest, SilenceEndsInATimeout) {
  std::optional<base::Result<base::Bytes>> read;
  start(read_message_by(*ours_, clock_, deadline(), 10), read);
  clock_.advance(10s);
  poll();
  ASSERT_TRUE(read);
  EXPECT_EQ(read->error(), Error::kTimeout);
}

TEST_F(TimedIoTest, AWriteThatIsNotTakenEndsInATimeout) {
  std::optional<base::Result<>> written;
  start(write_message_by(*ours_, clock_, deadline(), base::Bytes(1024 * 1024)), written);
  EXPECT_FALSE(written);
  clock_.advance(10s);
  poll();
  ASSERT_TRUE(written);
  EXPECT_EQ(written->error(), Error::kTimeout);
}

TEST_F(TimedIoTest, TooLongIsRefusedBeforeItIsThere) {
  std::optional<base::Result<base::Bytes>> read;
  start(read_message_by(*ours_, clock_, deadline(), 10), read);
  std::optional<base::Result<>> written;
  start(theirs_->write(base::Bytes{11}), written);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->error(), Error::kMessageTooLong);
}

TEST_F(TimedIoTest, FinishingWaitsForTheOtherSideWithinItsTime) {
  for (const bool closes : {true, false}) {
    std::tie(ours_, theirs_) = testing::make_memory_pipe(io_.get_executor());
    bool done = false;
    base::spawn(io_.get_executor(), mark(finish_by(*ours_, clock_, deadline()), done));
    poll();
    EXPECT_FALSE(done);
    std::optional<base::Result<>> closed;
    if (closes) start(theirs_->close_write(), closed);
    if (!closes) clock_.advance(10s);
    poll();
    EXPECT_TRUE(done);
  }
}

}  // namespace
}  // namespace libp2p
