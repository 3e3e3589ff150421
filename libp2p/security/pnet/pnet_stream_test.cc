#include "libp2p/security/pnet/pnet_stream.h"

#include "libp2p/core/error.h"
#include "libp2p/testing/memory_pipe.h"

#include <gtest/gtest.h>

#include <list>
#include <random>

namespace libp2p::pnet {
namespace {

const PreSharedKey kKey({1, 2, 3});
const PreSharedKey kOtherKey({4, 5, 6});
const std::string kOpening = "an opening that both begin with";

class PnetStreamTest : public ::testing::Test {
 protected:
  using Protected = base::Result<std::unique_ptr<Stream>>;

  void make_pipe(std::size_t read_bytes_max = SIZE_MAX) {
    testing::MemoryPipeOptions options;
    options.read_bytes_max = read_bytes_max;
    options.offers_read_available = true;
    std::tie(left_, right_) = testing::make_memory_pipe(io_.get_executor(), options);
  }
  std::unique_ptr<Stream> protect(std::unique_ptr<Stream> raw, const PreSharedKey& key,
                                  const std::string& opening = kOpening) {
    std::optional<Protected> outcome;
    base::spawn(io_.get_executor(), store(pnet::protect(std::move(raw), key, base::as_bytes(opening)), outcome));
    run();
    return std::move(outcome->value());
  }
  static base::Task<> store(base::Task<Protected> task, std::optional<Protected>& outcome) {
    outcome = co_await std::move(task);
  }
  static base::Task<> write(Stream& stream, base::Bytes bytes, std::optional<base::Result<>>& outcome) {
    outcome = co_await stream.write(bytes);
  }
  void write(Stream& stream, std::string_view text) {
    base::spawn(io_.get_executor(), write(stream, base::to_bytes(base::as_bytes(text)), written_.emplace_back()));
    run();
  }
  static base::Task<> read(Stream& stream, base::Bytes& into, std::optional<base::Result<std::size_t>>& outcome) {
    outcome = co_await stream.read_some(into);
  }
  /// What one read brings: text or an error; nothing if it waits.
  std::optional<base::Result<std::string>> read(Stream& stream) {
    base::Bytes bytes(1000);
    std::optional<base::Result<std::size_t>> count;
    base::spawn(io_.get_executor(), read(stream, bytes, count));
    run();
    if (!count) {
      stream.reset();
      run();
      return std::nullopt;
    }
    if (!*count) return count->error();
    return std::string(base::as_text(base::ConstBytes(bytes).first(**count)));
  }
  void run() {
    io_.restart();
    io_.poll();
  }

  boost::asio::io_context io_;
  std::list<std::optional<base::Result<>>> written_;
  std::unique_ptr<Stream> left_, right_;
};

TEST_F(PnetStreamTest, SendsItsNonceBeforeAnythingIsReadOrWritten) {
  make_pipe();
  const auto stream = protect(std::move(left_), kKey);
  EXPECT_EQ(read(*right_)->value().size(), kNonceBytes);
}

TEST_F(PnetStreamTest, HoldersOfTheKeyReadEachOther) {
  make_pipe();
  const auto left = protect(std::move(left_), kKey);
  const auto right = protect(std::move(right_), kKey);
  write(*left, kOpening + ", and more");
  EXPECT_EQ(read(*right)->value(), kOpening + ", and more");
  write(*right, kOpening);
  EXPECT_EQ(read(*left)->value(), kOpening);
  write(*right, "again");
  EXPECT_EQ(read(*left)->value(), "again");
}

TEST_F(PnetStreamTest, NothingIsSentInClear) {
  make_pipe();
  const auto stream = protect(std::move(left_), kKey);
  write(*stream, kOpening);
  write(*stream, kOpening);
  std::string sent;
  while (sent.size() < kNonceBytes + 2 * kOpening.size()) sent += read(*right_)->value();
  EXPECT_EQ(sent.find("opening"), std::string::npos);
  EXPECT_NE(sent.substr(kNonceBytes, kOpening.size()), sent.substr(kNonceBytes + kOpening.size()));
}

TEST_F(PnetStreamTest, AnotherKeyIsFoundAtTheFirstBytes) {
  make_pipe();
  const auto left = protect(std::move(left_), kKey);
  const auto right = protect(std::move(right_), kOtherKey);
  write(*left, kOpening);
  EXPECT_EQ(read(*right)->error(), Error::kNotInPrivateNetwork);
  EXPECT_EQ(read(*right)->error(), Error::kNotInPrivateNetwork);
  // The other side has been cut off, and knows as well why.
  EXPECT_EQ(read(*left)->error(), Error::kNotInPrivateNetwork);
}

TEST_F(PnetStreamTest, AnotherKeyIsFoundByReadAvailableToo) {
  make_pipe();
  const auto left = protect(std::move(left_), kKey);
  const auto right = protect(std::move(right_), kOtherKey);
  // Its nonce alone.
  base::Bytes bytes(100);
  std::optional<base::Result<std::size_t>> count;
  base::spawn(io_.get_executor(), PnetStreamTest::read(*right, bytes, count));
  run();
  ASSERT_FALSE(count);
  // More than one byte: each matches by chance once in 256 times.
  write(*left, kOpening);
  ASSERT_TRUE(count);
  EXPECT_EQ(count->error(), Error::kNotInPrivateNetwork);
  EXPECT_EQ(right->read_available(bytes), 0u);
}

TEST_F(PnetStreamTest, OneWithoutAnyKeyIsFoundByItsFirstBytes) {
  make_pipe();
  const auto stream = protect(std::move(left_), kKey);
  write(*right_, kOpening.substr(0, kNonceBytes));
  EXPECT_EQ(read(*stream)->error(), Error::kNotInPrivateNetwork);
}

TEST_F(PnetStreamTest, WhoEndsBeforeTheOpeningHasNotShownThatItHasTheKey) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, kNonceBytes}) {
    make_pipe();
    const auto stream = protect(std::move(left_), kKey);
    if (bytes > 0) write(*right_, std::string(bytes, 'x'));
    right_->reset();
    EXPECT_EQ(read(*stream)->error(), Error::kNotInPrivateNetwork) << bytes;
  }
}

TEST_F(PnetStreamTest, AfterTheOpeningAnEndIsAnEndAndAResetAReset) {
  make_pipe();
  const auto left = protect(std::move(left_), kKey);
  auto right = protect(std::move(right_), kKey);
  write(*right, kOpening);
  EXPECT_EQ(read(*left)->value(), kOpening);
  right->reset();
  EXPECT_EQ(read(*left)->error(), Error::kReset);
}

/// In gathered writes of all sizes.
base::Task<> send_all(Stream& stream, base::ConstBytes bytes) {
  std::mt19937 random(1);
  while (!bytes.empty()) {
    const std::size_t size = std::min<std::size_t>(random() % 2 ? random() % 100 : random() % 2'000'000, bytes.size());
    const std::size_t half = size / 2;
    const std::array<base::ConstBytes, 3> buffers{bytes.first(half), {}, bytes.subspan(half, size - half)};
    const std::span<const base::ConstBytes> span(buffers);
    auto written = co_await stream.write_gather(span);
    EXPECT_TRUE(written);
    bytes = bytes.subspan(size);
  }
  (void)co_await stream.close_write();
}

/// In reads of all sizes and kinds, to the end.
base::Task<> receive_all(Stream& stream, base::Bytes& received) {
  std::mt19937 random(2);
  base::Bytes chunk(600'000);
  for (;;) {
    const auto into = base::MutableBytes(chunk).first(1 + random() % (random() % 2 ? 100 : chunk.size()));
    if (random() % 3 == 0) co_await stream.wait_readable();
    std::size_t available = random() % 2 ? stream.read_available(into) : 0;
    if (available == 0) {
      auto count = co_await stream.read_some(into);
      EXPECT_TRUE(count);
      if (!count || *count == 0) break;
      available = *count;
    }
    base::append(received, base::ConstBytes(chunk).first(available));
  }
}

TEST_F(PnetStreamTest, MuchArrivesAsItWasWhateverTheSizesOfReadsAndWrites) {
  for (const std::size_t read_bytes_max : {std::size_t{7}, std::size_t{100'000}, SIZE_MAX}) {
    make_pipe(read_bytes_max);
    const auto left = protect(std::move(left_), kKey);
    const auto right = protect(std::move(right_), kKey);
    base::Bytes sent = base::to_bytes(base::as_bytes(kOpening));
    std::mt19937 random(3);
    const std::size_t size = read_bytes_max < 100 ? 100'000 : 5'000'000;
    while (sent.size() < size) sent.push_back(static_cast<std::uint8_t>(random()));
    base::Bytes to_left, to_right;
    for (const auto& [from, to, into] :
         {std::tuple(left.get(), right.get(), &to_right), {right.get(), left.get(), &to_left}}) {
      base::spawn(io_.get_executor(), send_all(*from, sent));
      base::spawn(io_.get_executor(), receive_all(*to, *into));
    }
    run();
    EXPECT_TRUE(to_left == sent);
    EXPECT_TRUE(to_right == sent);
  }
}

}  // namespace
}  // namespace libp2p::pnet
