#include "base/network_threads.h"

#include <boost/asio/post.hpp>

#include <gtest/gtest.h>

#include <pthread.h>

#include <array>
#include <future>
#include <set>
#include <thread>

namespace base {
namespace {

std::thread::id thread_of(const Executor& executor) {
  std::promise<std::thread::id> id;
  boost::asio::post(executor, [&id] { id.set_value(std::this_thread::get_id()); });
  return id.get_future().get();
}

TEST(NetworkThreadsTest, EachUseGoesToTheThreadThatHasFewest) {
  NetworkThreads threads(3);
  EXPECT_EQ(threads.count(), 3u);
  auto first = threads.next();
  auto second = threads.next();
  auto third = threads.next();
  const std::set<std::thread::id> all{thread_of(first.executor()), thread_of(second.executor()),
                                      thread_of(third.executor())};
  EXPECT_EQ(all.size(), 3u);
  EXPECT_FALSE(all.contains(std::this_thread::get_id()));
  auto fourth = threads.next();
  const auto freed = thread_of(second.executor());
  { const auto ended = std::move(second); }
  EXPECT_EQ(thread_of(threads.next().executor()), freed);
}

TEST(NetworkThreadsTest, ShortUsesOneAfterTheOtherSpread) {
  NetworkThreads threads(2);
  const auto first = thread_of(threads.next().executor());
  EXPECT_NE(thread_of(threads.next().executor()), first);
  EXPECT_EQ(thread_of(threads.next().executor()), first);
}

TEST(NetworkThreadsTest, AUseMayEndOnItsOwnThread) {
  NetworkThreads threads(1);
  auto use = threads.next();
  const Executor executor = use.executor();
  std::promise<void> ended;
  boost::asio::post(executor, [use = std::make_shared<NetworkThreads::Use>(std::move(use)), &ended]() mutable {
    use.reset();
    ended.set_value();
  });
  ended.get_future().get();
  EXPECT_EQ(thread_of(threads.next().executor()), thread_of(executor));
}

TEST(NetworkThreadsTest, ThreadsHaveNames) {
  NetworkThreads threads(1, "carry");
  const auto use = threads.next();
  std::promise<std::string> name;
  boost::asio::post(use.executor(), [&name] {
    std::array<char, 16> text{};
    pthread_getname_np(pthread_self(), text.data(), text.size());
    name.set_value(text.data());
  });
  EXPECT_EQ(name.get_future().get(), "carry-0");
}

TEST(NetworkThreadsTest, WhatIsLeftWhenStoppedIsDropped) {
  auto kept = std::make_shared<int>(0);
  {
    NetworkThreads threads(2);
    const auto use = threads.next();
    threads.stop();
    threads.stop();
    auto held = std::make_shared<NetworkThreads::Use>(threads.next());
    boost::asio::post(use.executor(), [kept, held] { ++*kept; });
    EXPECT_EQ(kept.use_count(), 2);
  }
  EXPECT_EQ(kept.use_count(), 1);
  EXPECT_EQ(*kept, 0);
}

}  // namespace
}  // namespace base
