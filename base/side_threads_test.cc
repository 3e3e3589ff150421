#include "base/side_threads.h"

#include <gtest/gtest.h>

namespace base {
namespace {

TEST(SideThreads, EachCallIsMadeOnce) {
  SideThreads threads(1);
  SideThreads::User user;
  SideThreads::Loan loan = threads.borrow(user);
  ASSERT_TRUE(loan);
  int calls = 0;
  for (int i = 0; i < 10'000; ++i) {
    auto call = [&calls] { ++calls; };
    loan.start(call);
    if (i % 2 == 0) std::this_thread::yield();
    loan.wait();
    EXPECT_EQ(calls, i + 1);
    loan.wait();  // nothing is left to wait for
  }
}

TEST(SideThreads, AThreadThatSleepsIsWoken) {
  SideThreads threads(1);
  SideThreads::User user;
  std::atomic<bool> called = false;
  auto call = [&called] { called = true; };
  for (int i = 0; i < 20; ++i) {
    called = false;
    SideThreads::Loan loan = threads.borrow(user);
    ASSERT_TRUE(loan);
    loan.start(call);
    while (!called) std::this_thread::yield();
    loan = SideThreads::Loan();
    std::this_thread::sleep_for(std::chrono::microseconds(200));  // it may sleep or look for work: both are right
  }
}

TEST(SideThreads, ALoanEndsWithItsWorkDone) {
  SideThreads threads(1);
  SideThreads::User user;
  for (int i = 0; i < 1000; ++i) {
    bool called = false;
    auto call = [&called] { called = true; };
    {
      SideThreads::Loan loan = threads.borrow(user);
      ASSERT_TRUE(loan);
      loan.start(call);
    }
    EXPECT_TRUE(called);
  }
}

TEST(SideThreads, WhatIsLentIsLentToOne) {
  SideThreads threads(2);
  SideThreads::User first;
  SideThreads::User second;
  SideThreads::Loan one = threads.borrow(first);
  SideThreads::Loan two = threads.borrow(second);
  EXPECT_TRUE(one);
  EXPECT_TRUE(two);
  EXPECT_FALSE(threads.borrow(first));
  one = SideThreads::Loan();
  EXPECT_TRUE(threads.borrow(first));
}

TEST(SideThreads, WithMoreUsersThanThreadsNobodyGetsOne) {
  SideThreads threads(2);
  SideThreads::User users[3];
  // At least the last one finds all three in the same slot of time, or in two slots that follow each other.
  for (int i = 0; i < 100; ++i) {
    for (SideThreads::User& user : users) (void)threads.borrow(user);
    if (!threads.borrow(users[0])) return;
  }
  FAIL() << "three users are never seen at once";
}

TEST(SideThreads, WithoutThreadsThereAreNoLoans) {
  SideThreads threads(0);
  SideThreads::User user;
  EXPECT_FALSE(threads.borrow(user));
}

TEST(SideThreads, ManyUsersOnManyThreads) {
  SideThreads threads(3);
  std::atomic<std::uint64_t> sum = 0;
  std::vector<std::thread> callers;
  for (int n = 0; n < 4; ++n) {
    callers.emplace_back([&threads, &sum] {
      SideThreads::User user;
      for (int i = 0; i < 5000; ++i) {
        std::uint64_t value = 0;
        auto call = [&value] { value = 1; };
        SideThreads::Loan loan = threads.borrow(user);
        if (loan)
          loan.start(call);
        else
          call();
        loan.wait();
        sum += value;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sum, 20'000u);
}

}  // namespace
}  // namespace base
