#include "libp2p/muxers/yamux/receive_buffer.h"

#include "libp2p/muxers/yamux/yamux_test_support.h"

#include <algorithm>
#include <random>

namespace libp2p::yamux {
namespace {

void append(ReceiveBuffer& buffer, base::ConstBytes bytes) {
  while (!bytes.empty()) {
    const base::MutableBytes room = buffer.prepare(bytes.size());
    std::copy_n(bytes.begin(), room.size(), room.begin());
    buffer.commit(room.size());
    bytes = bytes.subspan(room.size());
  }
}

TEST(ReceiveBufferTest, BytesComeOutInOrderWhateverTheSizes) {
  std::mt19937 random(7);
  const base::Bytes sent = pattern(2'000'000);
  base::Bytes received;
  ReceiveMeter meter(std::make_shared<ReceivedTotal>());
  ReceiveBuffer buffer(meter);
  std::size_t put = 0;
  while (received.size() < sent.size()) {
    const std::size_t count = std::min<std::size_t>(random() % 150'000, sent.size() - put);
    append(buffer, base::ConstBytes(sent).subspan(put, count));
    put += count;
    base::Bytes out(random() % 200'000 + 1);
    out.resize(buffer.read(out));
    base::append(received, out);
    ASSERT_EQ(buffer.size(), put - received.size());
    ASSERT_EQ(meter.bytes(), buffer.size());
  }
  EXPECT_TRUE(received == sent);
  EXPECT_TRUE(buffer.empty());
}

TEST(ReceiveBufferTest, ManySmallPiecesShareAChunk) {
  ReceiveMeter meter(std::make_shared<ReceivedTotal>());
  ReceiveBuffer buffer(meter);
  append(buffer, pattern(1));
  const std::uint8_t* first = buffer.prepare(1).data();
  for (std::size_t i = 1; i < ReceiveBuffer::kChunkBytesMin - 1; ++i) {
    ASSERT_EQ(buffer.prepare(1).data(), first + i - 1);
    buffer.commit(1);
  }
}

TEST(ReceiveBufferTest, RoomThatIsNotUsedIsOfferedAgain) {
  ReceiveMeter meter(std::make_shared<ReceivedTotal>());
  ReceiveBuffer buffer(meter);
  const base::MutableBytes room = buffer.prepare(100);
  EXPECT_EQ(room.size(), 100u);
  EXPECT_EQ(buffer.prepare(50).data(), room.data());
  base::Bytes out(10);
  EXPECT_EQ(buffer.read(out), 0u);
  EXPECT_EQ(buffer.prepare(SIZE_MAX).size(), ReceiveBuffer::kChunkBytesMin);
}

TEST(ReceiveMeterTest, ASessionMayHoldItsShareOfWhatAllMayHold) {
  const auto total = std::make_shared<ReceivedTotal>();
  ReceiveMeter greedy(total);
  ReceiveMeter modest(total);
  greedy.add(900);
  modest.add(90);
  EXPECT_TRUE(greedy.is_over(800, 10'000));
  EXPECT_FALSE(greedy.is_over(1000, 1000));
  modest.add(20);
  EXPECT_TRUE(greedy.is_over(1000, 1000)) << "together they are over it, and the greedy one is over half";
  EXPECT_FALSE(modest.is_over(1000, 1000));
  greedy.remove(500);
  EXPECT_FALSE(greedy.is_over(1000, 1000));
}

TEST(ReceiveMeterTest, ABufferThatGoesCountsNoMore) {
  ReceiveMeter meter(std::make_shared<ReceivedTotal>());
  {
    ReceiveBuffer dropped(meter);
    append(dropped, pattern(100));
    ReceiveBuffer cleared(meter);
    append(cleared, pattern(100));
    EXPECT_EQ(meter.bytes(), 200u);
    cleared.clear();
    EXPECT_EQ(meter.bytes(), 100u);
  }
  EXPECT_EQ(meter.bytes(), 0u);
}

TEST(ReceiveBufferTest, ClearDropsEverything) {
  ReceiveMeter meter(std::make_shared<ReceivedTotal>());
  ReceiveBuffer buffer(meter);
  append(buffer, pattern(300'000));
  buffer.clear();
  EXPECT_TRUE(buffer.empty());
  append(buffer, pattern(5));
  base::Bytes out(10);
  out.resize(buffer.read(out));
  EXPECT_EQ(out, pattern(5));
}

}  // namespace
}  // namespace libp2p::yamux
