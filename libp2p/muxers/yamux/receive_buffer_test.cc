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
  ReceiveBuffer buffer;
  std::size_t put = 0;
  while (received.size() < sent.size()) {
    const std::size_t count = std::min<std::size_t>(random() % 150'000, sent.size() - put);
    append(buffer, base::ConstBytes(sent).subspan(put, count));
    put += count;
    base::Bytes out(random() % 200'000 + 1);
    out.resize(buffer.read(out));
    base::append(received, out);
    ASSERT_EQ(buffer.size(), put - received.size());
  }
  EXPECT_TRUE(received == sent);
  EXPECT_TRUE(buffer.empty());
}

TEST(ReceiveBufferTest, ManySmallPiecesShareAChunk) {
  ReceiveBuffer buffer;
  append(buffer, pattern(1));
  const std::uint8_t* first = buffer.prepare(1).data();
  for (std::size_t i = 1; i < ReceiveBuffer::kChunkBytesMin - 1; ++i) {
    ASSERT_EQ(buffer.prepare(1).data(), first + i - 1);
    buffer.commit(1);
  }
}

TEST(ReceiveBufferTest, RoomThatIsNotUsedIsOfferedAgain) {
  ReceiveBuffer buffer;
  const base::MutableBytes room = buffer.prepare(100);
  EXPECT_EQ(room.size(), 100u);
  EXPECT_EQ(buffer.prepare(50).data(), room.data());
  base::Bytes out(10);
  EXPECT_EQ(buffer.read(out), 0u);
  EXPECT_EQ(buffer.prepare(SIZE_MAX).size(), ReceiveBuffer::kChunkBytesMin);
}

TEST(ReceiveBufferTest, ClearDropsEverything) {
  ReceiveBuffer buffer;
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
