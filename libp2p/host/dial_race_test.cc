#include "libp2p/host/dial_race.h"

#include "libp2p/core/error.h"
#include "libp2p/testing/fake_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace libp2p {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

/// Addresses are numbered by their ports.
class DialRaceTest : public ::testing::Test {
 protected:
  static constexpr base::Duration kTimeout = 10s;

  void TearDown() override {
    stop_.request_stop();
    poll();
  }

  static multiformats::Multiaddr address(int number) {
    return multiformats::Multiaddr::from_ip_tcp(boost::asio::ip::address_v4::loopback(),
                                                static_cast<std::uint16_t>(number));
  }

  void race(int addresses) {
    std::vector<multiformats::Multiaddr> numbered;
    for (int i = 1; i <= addresses; ++i) {
      numbered.push_back(
          multiformats::Multiaddr::from_ip_tcp(boost::asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(i)));
    }
    DialRace::Attempt one = [this](multiformats::Multiaddr address, std::stop_token stop) {
      return attempt(address.tcp_endpoint()->port, std::move(stop));
    };
    auto race = std::make_shared<DialRace>(io_.get_executor(), clock_, tasks_, std::move(one));
    race->add(numbered);
    if (looks_up_) race->add_later(look_up(race->stop_token()));
    base::spawn(io_.get_executor(), run(race));
    poll();
  }

  base::Task<> run(std::shared_ptr<DialRace> race) {
    std::stop_token stop = stop_.get_token();
    result_ = co_await race->run(clock_.now() + kTimeout, stop);
  }

  base::Task<base::Result<std::vector<multiformats::Multiaddr>>> look_up(std::stop_token stop) {
    const std::stop_callback on_stop(stop, [this] { changed_.notify_all(); });
    while (!found_ && !stop.stop_requested()) co_await changed_.wait();
    if (!found_) co_return Error::kClosing;
    co_return *found_;
  }

  /// Waits for the test to say how it ends.
  base::Task<DialRace::Result> attempt(int number, std::stop_token stop) {
    started_.push_back(number);
    const std::stop_callback on_stop(stop, [this, number] {
      stopped_.push_back(number);
      changed_.notify_all();
    });
    while (!ends_.contains(number) && (!stop.stop_requested() || ignores_stop_)) co_await changed_.wait();
    if (!ends_.contains(number)) co_return Error::kClosing;
    if (ends_[number]) co_return ends_[number];
    UpgradedConnection connection;
    connection.session = session_of(number);
    co_return connection;
  }

  std::shared_ptr<testing::FakeSession> session_of(int number) {
    auto& session = sessions_[number];
    if (!session) session = std::make_shared<testing::FakeSession>();
    return session;
  }

  void end(int number, base::Error error) {
    ends_[number] = error;
    changed_.notify_all();
    poll();
  }
  void succeed(int number) { end(number, base::Error()); }

  void advance(base::Duration time) {
    clock_.advance(time);
    poll();
  }

  void poll() {
    io_.restart();
    io_.poll();
  }

  boost::asio::io_context io_;
  base::ManualClock clock_;
  TaskGroup tasks_{io_.get_executor()};
  base::Signal changed_{io_.get_executor()};
  std::stop_source stop_;
  std::vector<int> started_;
  std::vector<int> stopped_;
  bool ignores_stop_ = false;
  std::map<int, base::Error> ends_;
  std::map<int, std::shared_ptr<testing::FakeSession>> sessions_;
  std::optional<DialRace::Result> result_;
  bool looks_up_ = false;
  std::optional<base::Result<std::vector<multiformats::Multiaddr>>> found_;
};

TEST_F(DialRaceTest, TheNextStartsWhenTheOneBeforeIsSlow) {
  race(3);
  EXPECT_THAT(started_, ElementsAre(1));
  advance(249ms);
  EXPECT_THAT(started_, ElementsAre(1));
  advance(1ms);
  EXPECT_THAT(started_, ElementsAre(1, 2));
  advance(250ms);
  EXPECT_THAT(started_, ElementsAre(1, 2, 3));
  EXPECT_FALSE(result_);
}

TEST_F(DialRaceTest, TheNextStartsAtOnceWhenOneHasFailed) {
  race(3);
  end(1, Error::kRefused);
  EXPECT_THAT(started_, ElementsAre(1, 2));
  advance(250ms);
  EXPECT_THAT(started_, ElementsAre(1, 2, 3));
}

TEST_F(DialRaceTest, TheFirstToCompleteWinsAndTheOthersAreStopped) {
  race(4);
  advance(250ms);
  advance(250ms);
  succeed(2);
  ASSERT_TRUE(result_ && *result_);
  EXPECT_EQ((*result_)->session, session_of(2));
  EXPECT_THAT(stopped_, ::testing::UnorderedElementsAre(1, 3));
  EXPECT_EQ(tasks_.size(), 0u);
  EXPECT_FALSE(session_of(2)->aborted);
  advance(10s);
  EXPECT_THAT(started_, ElementsAre(1, 2, 3));
}

TEST_F(DialRaceTest, OneThatCompletesAfterTheWinnerIsAborted) {
  ignores_stop_ = true;
  race(2);
  advance(250ms);
  succeed(2);
  ASSERT_TRUE(result_ && *result_);
  succeed(1);
  EXPECT_TRUE(session_of(1)->aborted);
  EXPECT_FALSE(session_of(2)->aborted);
}

TEST_F(DialRaceTest, TheLastFailureIsToldUnlessAnotherPeerAnswered) {
  race(2);
  end(1, Error::kTimeout);
  end(2, Error::kRefused);
  EXPECT_EQ(result_->error(), Error::kRefused);

  result_.reset();
  ends_.clear();
  race(2);
  end(1, Error::kPeerIdMismatch);
  end(2, Error::kRefused);
  EXPECT_EQ(result_->error(), Error::kPeerIdMismatch);
}

TEST_F(DialRaceTest, NothingStartsAfterTheDeadline) {
  race(2);
  clock_.advance(kTimeout);  // before the race could look again
  end(1, Error::kTimeout);
  EXPECT_EQ(result_->error(), Error::kTimeout);
  EXPECT_THAT(started_, ElementsAre(1));
}

TEST_F(DialRaceTest, StoppingEndsEverything) {
  race(3);
  advance(250ms);
  stop_.request_stop();
  poll();
  EXPECT_EQ(result_->error(), Error::kClosing);
  EXPECT_EQ(tasks_.size(), 0u);
  EXPECT_THAT(started_, ElementsAre(1, 2));
}

TEST_F(DialRaceTest, WhatALookUpFindsIsTriedToo) {
  looks_up_ = true;
  race(1);
  end(1, Error::kRefused);
  EXPECT_FALSE(result_) << "the look-up may find others";
  found_ = std::vector{address(2), address(3)};
  changed_.notify_all();
  poll();
  EXPECT_THAT(started_, ElementsAre(1, 2));
  succeed(2);
  EXPECT_TRUE(result_ && *result_);
}

TEST_F(DialRaceTest, ALookUpThatFailsIsAFailureLikeAnother) {
  looks_up_ = true;
  race(0);
  EXPECT_FALSE(result_);
  found_ = base::Error(Error::kNameNotFound);
  changed_.notify_all();
  poll();
  EXPECT_EQ(result_->error(), Error::kNameNotFound);
}

TEST_F(DialRaceTest, AWinnerStopsLookUps) {
  looks_up_ = true;
  race(1);
  succeed(1);
  EXPECT_TRUE(result_ && *result_);
  EXPECT_EQ(tasks_.size(), 0u);
}

TEST_F(DialRaceTest, AddressesAreBounded) {
  race(100);
  for (int i = 1; i <= 100; ++i) end(i, Error::kRefused);
  EXPECT_TRUE(result_);
  EXPECT_EQ(started_.size(), kDialAddressesMax);
}

TEST_F(DialRaceTest, WithoutAddressesThereIsNoConnection) {
  race(0);
  EXPECT_EQ(result_->error(), Error::kNotConnected);
  EXPECT_THAT(started_, IsEmpty());
}

}  // namespace
}  // namespace libp2p
