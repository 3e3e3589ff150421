// The publisher as a router sees it, over loopback.
#include "events/kv_event_publisher.h"

#include <gtest/gtest.h>
#include <msgpack.hpp>
#include <zmq.hpp>

#include <thread>

namespace kvp2p {
namespace {

/// A bound against a hang.
constexpr int kPatienceMs = 60'000;

BlockKey key(std::uint32_t number) {
  BlockKey k;
  base::store_le32(k.bytes.data(), number);
  return k;
}

KvEventsConfig loopback() {
  KvEventsConfig config;
  config.endpoint = "tcp://127.0.0.1:*";
  config.replay_endpoint = "tcp://127.0.0.1:*";
  config.topic = "kv";
  config.batch_delay = std::chrono::milliseconds(1);
  return config;
}

struct Received {
  std::vector<std::string> frames;
  std::uint64_t sequence() const {
    std::uint64_t number = 0;
    for (char c : frames.at(frames.size() - 2)) number = number << 8 | static_cast<std::uint8_t>(c);
    return number;
  }
  /// Names of the batch's events, and how many hashes each has.
  std::vector<std::pair<std::string, std::size_t>> events() const {
    std::vector<std::pair<std::string, std::size_t>> all;
    const auto handle = msgpack::unpack(frames.back().data(), frames.back().size());
    const auto batch = handle->as<std::vector<msgpack::object>>();
    for (const auto& event : batch.at(1).as<std::vector<msgpack::object>>()) {
      const auto fields = event.as<std::vector<msgpack::object>>();
      all.emplace_back(fields.at(0).as<std::string>(), fields.size() > 1 ? fields[1].via.array.size : 0);
    }
    return all;
  }
};

class Asker {
 public:
  explicit Asker(zmq::socket_type type) : socket_(context_, type) {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::rcvtimeo, kPatienceMs);
  }
  zmq::socket_t& socket() { return socket_; }
  Received receive() {
    Received received;
    do {
      zmq::message_t frame;
      if (!socket_.recv(frame)) throw std::runtime_error("nothing has come");
      received.frames.push_back(frame.to_string());
    } while (socket_.get(zmq::sockopt::rcvmore));
    return received;
  }
  /// Everything from a number on, the end marker not included.
  std::vector<Received> replay(std::uint64_t from) {
    std::string number(8, '\0');
    for (int i = 0; i < 8; ++i) number[i] = static_cast<char>(from >> (56 - 8 * i));
    socket_.send(zmq::message_t(), zmq::send_flags::sndmore);
    socket_.send(zmq::message_t(number), zmq::send_flags::none);
    std::vector<Received> all;
    while (true) {
      all.push_back(receive());
      EXPECT_EQ(all.back().frames.size(), 3u);
      if (all.back().sequence() == UINT64_MAX) break;
    }
    EXPECT_EQ(all.back().frames.back(), "");
    all.pop_back();
    return all;
  }

 private:
  zmq::context_t context_;
  zmq::socket_t socket_;
};

/// Asks again until a batch of that number is there.
std::vector<Received> replay_until(Asker& asker, std::size_t batches) {
  while (true) {
    auto all = asker.replay(0);
    if (all.size() >= batches) return all;
    std::this_thread::yield();
  }
}

using Events = std::vector<std::pair<std::string, std::size_t>>;

TEST(KvEventPublisher, WhatIsStoredAndRemovedIsPublishedInOrder) {
  auto publisher = KvEventPublisher::start(loopback()).value();
  Asker subscriber(zmq::socket_type::sub);
  subscriber.socket().set(zmq::sockopt::subscribe, "kv");
  subscriber.socket().connect(publisher->endpoint());
  // Subscribing takes a while, of which a publisher learns nothing: until something comes.
  subscriber.socket().set(zmq::sockopt::rcvtimeo, 20);
  zmq::message_t topic;
  std::uint32_t next = 0;
  while (!subscriber.socket().recv(topic)) publisher->stored(key(next++));
  subscriber.socket().set(zmq::sockopt::rcvtimeo, kPatienceMs);
  EXPECT_EQ(topic.to_string(), "kv");
  Received first = subscriber.receive();  // the rest of it
  ASSERT_EQ(first.frames.size(), 2u);
  std::uint64_t last = first.sequence();
  publisher->removed(key(0));
  bool removed = false;
  while (!removed) {
    const Received batch = subscriber.receive();
    ASSERT_EQ(batch.frames.size(), 3u);
    EXPECT_EQ(batch.sequence(), last + 1) << "no gap";
    last = batch.sequence();
    removed = batch.events().back() == std::pair<std::string, std::size_t>("BlockRemoved", 1);
  }
}

TEST(KvEventPublisher, ALateSubscriberReplaysWhatItMissed) {
  auto publisher = KvEventPublisher::start(loopback()).value();
  Asker asker(zmq::socket_type::dealer);
  asker.socket().connect(publisher->replay_endpoint());
  auto all = replay_until(asker, 1);
  EXPECT_EQ(all[0].sequence(), 0u);
  EXPECT_EQ(all[0].events(), (Events{{"AllBlocksCleared", 0}})) << "a node begins with nothing";
  for (std::uint32_t i = 0; i < 5; ++i) publisher->stored(key(i));
  all = replay_until(asker, 2);
  EXPECT_EQ(all[1].events().front().first, "BlockStored");
  EXPECT_EQ(asker.replay(1).front().sequence(), 1u);
  EXPECT_TRUE(asker.replay(1000).empty());
}

TEST(KvEventPublisher, WhatIsNoRequestIsIgnored) {
  auto publisher = KvEventPublisher::start(loopback()).value();
  Asker asker(zmq::socket_type::dealer);
  asker.socket().connect(publisher->replay_endpoint());
  for (const std::string& junk : {std::string(), std::string("1234567"), std::string(64, 'x')}) {
    asker.socket().send(zmq::message_t(), zmq::send_flags::sndmore);
    asker.socket().send(zmq::message_t(junk), zmq::send_flags::none);
    asker.socket().send(zmq::message_t(junk), zmq::send_flags::none);
  }
  for (int i = 0; i < 9; ++i) asker.socket().send(zmq::message_t(), zmq::send_flags::sndmore);
  asker.socket().send(zmq::message_t(), zmq::send_flags::none);
  EXPECT_EQ(replay_until(asker, 1).size(), 1u);
}

TEST(KvEventPublisher, ManyThreadsMayTell) {
  auto publisher = KvEventPublisher::start(loopback()).value();
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint32_t i = 0; i < 500; ++i) publisher->stored(key(t * 1000 + i));
    });
  }
  for (auto& thread : threads) thread.join();
  Asker asker(zmq::socket_type::dealer);
  asker.socket().connect(publisher->replay_endpoint());
  std::size_t hashes = 0;
  while (hashes < 2000) {
    hashes = 0;
    for (const auto& batch : asker.replay(0)) {
      for (const auto& [name, count] : batch.events()) hashes += count;
    }
  }
  EXPECT_EQ(hashes, 2000u);
}

TEST(KvEventPublisher, EndpointsThatCannotBeAreErrors) {
  const auto error_of = [](const std::string& endpoint, const std::string& replay = "") {
    KvEventsConfig config;
    config.endpoint = endpoint;
    config.replay_endpoint = replay;
    auto publisher = KvEventPublisher::start(std::move(config));
    return publisher ? base::Error() : publisher.error();
  };
  EXPECT_EQ(error_of(""), EventsError::kBadEndpoint);
  EXPECT_EQ(error_of("inproc://here"), EventsError::kBadEndpoint);
  EXPECT_EQ(error_of("tcp://127.0.0.1"), EventsError::kBadEndpoint);
  EXPECT_EQ(error_of("tcp://192.0.2.1:5557"), EventsError::kCannotBind);
  auto first = KvEventPublisher::start(loopback()).value();
  EXPECT_EQ(error_of(first->endpoint()), EventsError::kCannotBind) << "in use";
  EXPECT_EQ(error_of("tcp://127.0.0.1:*", first->endpoint()), EventsError::kCannotBind);
}

}  // namespace
}  // namespace kvp2p
