// Two sides of a security protocol over a pipe in memory. For tests.
#pragma once

#include "libp2p/core/security.h"
#include "libp2p/testing/memory_pipe.h"

#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace libp2p::testing {

inline const std::string kYamux = "/yamux/1.0.0";

using Outcome = std::optional<base::Result<SecuredStream>>;
using ReadOutcome = std::optional<base::Result<std::size_t>>;

/// `Protocol` is a Security, made of a key and its muxers.
template <class Protocol>
class SecurityFixture : public ::testing::Test {
 protected:
  static MemoryPipeOptions pipe_options(std::size_t read_bytes_max) {
    MemoryPipeOptions options;
    options.read_bytes_max = read_bytes_max;
    options.offers_read_available = true;
    return options;
  }
  void make_pipe(std::size_t read_bytes_max = SIZE_MAX) { make_pipe(pipe_options(read_bytes_max)); }
  void make_pipe(MemoryPipeOptions options) {
    std::tie(dialler_raw_, listener_raw_) = make_memory_pipe(context_.get_executor(), options);
    dialled_.reset();
    accepted_.reset();
  }
  void start(base::Task<> task) { base::spawn(context_.get_executor(), std::move(task)); }
  void run() {
    context_.restart();
    context_.poll();
  }

  static base::Task<> dial_task(Security& security, std::unique_ptr<Stream> raw,
                                std::optional<multiformats::PeerId> expected, Outcome& outcome) {
    auto secured = co_await security.secure_outbound(std::move(raw), std::move(expected));
    outcome = std::move(secured);
  }
  static base::Task<> listen_task(Security& security, std::unique_ptr<Stream> raw, Outcome& outcome) {
    auto secured = co_await security.secure_inbound(std::move(raw));
    outcome = std::move(secured);
  }
  void dial(std::optional<multiformats::PeerId> expected = std::nullopt) {
    start(dial_task(dialler_, std::move(dialler_raw_), std::move(expected), dialled_));
  }
  void listen() { start(listen_task(listener_, std::move(listener_raw_), accepted_)); }

  static base::Task<> send_all(Stream& stream, base::ConstBytes data, unsigned seed) {
    std::mt19937 random_source(seed);
    while (!data.empty()) {
      const std::size_t max = random_source() % 2 ? 100 : 300'000;
      const std::size_t size = std::min<std::size_t>(1 + random_source() % max, data.size());
      const std::size_t header = random_source() % (size + 1);
      const std::array<base::ConstBytes, 2> buffers{data.first(header), data.subspan(header, size - header)};
      const std::span<const base::ConstBytes> span(buffers);
      auto written = co_await stream.write_gather(span);
      EXPECT_TRUE(written);
      if (!written) co_return;
      data = data.subspan(size);
    }
    auto closed = co_await stream.close_write();
    EXPECT_TRUE(closed);
  }
  static base::Task<> receive_all(Stream& stream, base::Bytes& data, unsigned seed, bool& ended) {
    std::mt19937 random_source(seed);
    base::Bytes buffer(300'000);
    for (;;) {
      const std::size_t max = random_source() % 2 ? 100 : buffer.size();
      const auto into = base::MutableBytes(buffer).first(1 + random_source() % max);
      if (random_source() % 2) co_await stream.wait_readable();
      std::size_t available = 0;
      if (random_source() % 3 == 0) available = stream.read_available(into);
      base::append(data, base::ConstBytes(buffer).first(available));
      if (available > 0) continue;
      auto count = co_await stream.read_some(into);
      EXPECT_TRUE(count) << count.error().message();
      if (!count) co_return;
      if (*count == 0) break;
      base::append(data, base::ConstBytes(buffer).first(*count));
    }
    ended = true;
  }
  static base::Task<> read_one(Stream& stream, ReadOutcome& outcome, bool waits_first = false) {
    base::Bytes buffer(100);
    if (waits_first) co_await stream.wait_readable();
    auto count = co_await stream.read_some(buffer);
    outcome = count;
  }
  static base::Task<> write_and_close(Stream& stream, base::ConstBytes bytes) {
    auto written = co_await stream.write(bytes);
    EXPECT_TRUE(written);
    auto closed = co_await stream.close_write();
    EXPECT_TRUE(closed);
  }
  static base::Task<> write_raw(Stream& raw, base::ConstBytes bytes) {
    auto written = co_await raw.write(bytes);
    EXPECT_TRUE(written);
  }

  boost::asio::io_context context_;
  multiformats::PrivateKey dialler_key_ = multiformats::PrivateKey::generate();
  multiformats::PrivateKey listener_key_ = multiformats::PrivateKey::generate();
  multiformats::PeerId dialler_id_ = multiformats::PeerId::from_public_key(dialler_key_.public_key());
  multiformats::PeerId listener_id_ = multiformats::PeerId::from_public_key(listener_key_.public_key());
  Protocol dialler_{dialler_key_, std::vector<std::string>{kYamux}};
  Protocol listener_{listener_key_, std::vector<std::string>{kYamux}};
  std::unique_ptr<Stream> dialler_raw_;
  std::unique_ptr<Stream> listener_raw_;
  Outcome dialled_;
  Outcome accepted_;
};

/// A secured pair of ours, for what comes after the handshake.
template <class Fixture>
class SecuredPair : public Fixture {
 protected:
  void connect(std::size_t read_bytes_max = SIZE_MAX) { connect(Fixture::pipe_options(read_bytes_max)); }
  void connect(MemoryPipeOptions options) {
    this->make_pipe(options);
    this->dial();
    this->listen();
    this->run();
    ASSERT_TRUE(this->dialled_ && *this->dialled_ && this->accepted_ && *this->accepted_);
    left_ = std::move((*this->dialled_)->stream);
    right_ = std::move((*this->accepted_)->stream);
  }
  std::unique_ptr<Stream> left_;
  std::unique_ptr<Stream> right_;
};

}  // namespace libp2p::testing
