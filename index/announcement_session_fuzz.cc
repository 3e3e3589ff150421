// A hostile holder: what it gossips and answers leaves the follower within its bounds, and its repair ends.
#include "index/followed_holders.h"
#include "multiformats/numbered_peer.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kvp2p;
  static const auto peer = multiformats::testing::numbered_peer(0);
  constexpr std::size_t kPairsMax = 256;
  BlockIndex index(kPairsMax);
  FollowedHolders followed(index, 4);
  const BlockIndex::Source source{peer, {}};
  base::TimePoint now{};
  // A byte of length, then so many bytes: one message after the other.
  unsigned questions = 0;
  while (size > 0) {
    const std::size_t length = std::min<std::size_t>(data[0], size - 1);
    auto message = wire::decode_announcement({data + 1, length});
    data += 1 + length;
    size -= 1 + length;
    now += std::chrono::seconds(1);
    followed.expire(now);
    if (!message) continue;
    if (const auto* changed = std::get_if<wire::BlocksChanged>(&*message)) {
      followed.on_changed(source, *changed, now);
    } else if (const auto* digest = std::get_if<wire::BlocksDigest>(&*message)) {
      followed.on_digest(source, *digest, now);
      questions = 0;
    } else {
      followed.on_answer(source, *message);
    }
    if (auto question = followed.next_question(source)) {
      if (++questions > FollowedHolders::kQuestionsMax + 1) std::abort();
      if (!wire::decode_announcement(wire::encode_announcement(*question))) std::abort();
    }
    if (index.pairs() > kPairsMax || followed.size() > 1) std::abort();
  }
  return 0;
}
