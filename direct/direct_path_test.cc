// An owner and a reader in one process, over real sockets and shared memory.
#include "direct/testing/direct_pair.h"
#include "gpu/testing/layouts.h"

#include <future>

namespace kvp2p::testing {
namespace {

using namespace std::chrono_literals;

TEST_F(DirectPairTest, AnOfferedSlotIsReadInPlace) {
  const RegionId region = add_owned_region();
  fill(0x5a);
  ASSERT_TRUE(open());
  auto peer = client->find(owner_id, static_cast<std::uint64_t>(region));
  ASSERT_TRUE(peer) << client->why_not(owner_id, static_cast<std::uint64_t>(region));
  EXPECT_EQ(peer->link(), DirectLink::kSharedMemory);
  until([&] { return server->is_open_at(reader_id, region); });
  const std::uint64_t generation = server->generation(region, 2);
  EXPECT_EQ(generation, 1u);
  EXPECT_TRUE(read(*peer, 2, generation));
  const Slot slots[] = {2};
  server->raise(region, slots);
  EXPECT_FALSE(server->has_old_reads());
  EXPECT_FALSE(read(*peer, 2, generation));
  EXPECT_TRUE(read(*peer, 1, 1));
  EXPECT_TRUE(read(*peer, 2, generation + 1));
}

}  // namespace
}  // namespace kvp2p::testing
