// An owner and a reader in one process, over real sockets and shared memory.
#include "base/sanitizers.h"
#include "direct/error.h"
#include "direct/testing/direct_pair.h"
#include "gpu/testing/layouts.h"

#include <filesystem>
#include <fstream>
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

TEST_F(DirectPairTest, ARegionAddedLaterIsOpenedToo) {
  ASSERT_TRUE(open());
  const RegionId region = add_owned_region();
  until([&] { return server->is_open_at(reader_id, region); });
  auto peer = client->find(owner_id, static_cast<std::uint64_t>(region));
  ASSERT_TRUE(peer);
  EXPECT_TRUE(read(*peer, 0, 1));
  EXPECT_FALSE(server->is_open_at(test_peer(9), region));
}

TEST_F(DirectPairTest, ATicketIsGoodOnce) {
  const DirectTicket ticket = server->issue_ticket(reader_id);
  ASSERT_TRUE(open(ticket));
  EXPECT_EQ(open(ticket).error(), DirectError::kRefused);
  EXPECT_NE(client->why_not(owner_id, 1).find("used before"), std::string::npos) << client->why_not(owner_id, 1);
}

TEST_F(DirectPairTest, AnOldOrWrongTicketIsRefused) {
  DirectTicket ticket = server->issue_ticket(reader_id);
  clock.advance(10s);
  EXPECT_EQ(open(ticket).error(), DirectError::kRefused);
  ticket = server->issue_ticket(reader_id);
  ticket.nonce[0] ^= 1;
  EXPECT_EQ(open(ticket).error(), DirectError::kRefused);
  ticket.socket_name += "x";
  EXPECT_EQ(open(ticket).error(), DirectError::kNoListener);
  EXPECT_NE(client->why_not(owner_id, 1).find("not on this host"), std::string::npos);
}

TEST_F(DirectPairTest, AnOwnerWaitsForReadsThatBeganBefore) {
  const RegionId region = add_owned_region();
  ASSERT_TRUE(open());
  auto peer = client->find(owner_id, static_cast<std::uint64_t>(region));
  ASSERT_TRUE(peer);
  const Slot slots[] = {1};
  auto before = peer->begin_read();
  server->raise(region, slots);
  auto after = peer->begin_read();
  EXPECT_TRUE(server->has_old_reads());
  EXPECT_FALSE(peer->is_unchanged(1, 1));
  before.reset();
  EXPECT_FALSE(server->has_old_reads()) << "what began after the raise is not waited for";
  EXPECT_TRUE(server->wait_readers(clock.now() + 1s));
}

TEST_F(DirectPairTest, AReaderThatNeverEndsLosesItsSessionAtTheDeadline) {
  const RegionId region = add_owned_region();
  ASSERT_TRUE(open());
  auto peer = client->find(owner_id, static_cast<std::uint64_t>(region));
  ASSERT_TRUE(peer);
  auto mark = peer->begin_read();
  const Slot slots[] = {1};
  server->raise(region, slots);
  EXPECT_FALSE(server->wait_readers(clock.now()));
  EXPECT_FALSE(server->has_old_reads());
  EXPECT_FALSE(peer->is_unchanged(2, 1)) << "the session has ended, and with it every slot";
  EXPECT_FALSE(server->is_open_at(reader_id, region));
  until([&] { return !client->find(owner_id, static_cast<std::uint64_t>(region)); });
}

TEST_F(DirectPairTest, MarksRunOutAndComeBack) {
  const RegionId region = add_owned_region();
  ASSERT_TRUE(open());
  auto peer = client->find(owner_id, static_cast<std::uint64_t>(region));
  ASSERT_TRUE(peer);
  std::vector<ReadMark> marks;
  while (auto mark = peer->begin_read()) marks.push_back(std::move(*mark));
  EXPECT_EQ(marks.size(), kDirectReadsMax);
  marks.pop_back();
  EXPECT_TRUE(peer->begin_read());
}

TEST_F(DirectPairTest, ARegionRemovedIsWaitedForAndClosed) {
  const RegionId region = add_owned_region();
  const RegionId other = add_owned_region();
  ASSERT_TRUE(open());
  auto peer = client->find(owner_id, static_cast<std::uint64_t>(region));
  ASSERT_TRUE(peer);
  until([&] { return server->is_open_at(reader_id, other); });
  const ImportId import = peer->import_id();
  auto removed = std::async(std::launch::async, [&] { server->remove_region(region); });
  until([&] { return !client->find(owner_id, static_cast<std::uint64_t>(region)); });
  EXPECT_FALSE(peer->begin_read());
  EXPECT_FALSE(peer->is_unchanged(0, 1));
  EXPECT_TRUE(reader.link_of(import)) << "open while it is held";
  peer.reset();
  removed.get();
  EXPECT_FALSE(reader.link_of(import));
  EXPECT_TRUE(server->is_open_at(reader_id, other)) << "the session goes on";
  EXPECT_EQ(server->generation(region, 0), 0u);
}

TEST_F(DirectPairTest, ARegionThatIsNotLetGoOfEndsTheSession) {
  const RegionId region = add_owned_region();
  ASSERT_TRUE(open());
  auto peer = client->find(owner_id, static_cast<std::uint64_t>(region));
  ASSERT_TRUE(peer);
  server->remove_region(region);
  EXPECT_FALSE(peer->is_unchanged(0, 1));
  EXPECT_FALSE(server->is_open_at(reader_id, region));
}

TEST_F(DirectPairTest, AnOwnerThatGoesEndsEverything) {
  const RegionId region = add_owned_region();
  ASSERT_TRUE(open());
  auto peer = client->find(owner_id, static_cast<std::uint64_t>(region));
  ASSERT_TRUE(peer);
  auto mark = peer->begin_read();
  server.reset();
  EXPECT_FALSE(peer->is_unchanged(0, 1));
  const SlotGeneration slots[] = {{0, 1}, {1, 1}};
  EXPECT_EQ(peer->are_unchanged(slots), std::vector<bool>({false, false}));
}

TEST_F(DirectPairTest, RegionsOutliveTheirClient) {
  const RegionId region = add_owned_region();
  ASSERT_TRUE(open());
  auto peer = client->find(owner_id, static_cast<std::uint64_t>(region));
  ASSERT_TRUE(peer);
  const ImportId import = peer->import_id();
  client.reset();
  EXPECT_FALSE(peer->begin_read());
  EXPECT_TRUE(reader.link_of(import));
  peer.reset();
  EXPECT_FALSE(reader.link_of(import));
}

TEST_F(DirectPairTest, AForgottenPeerIsGone) {
  const RegionId region = add_owned_region();
  ASSERT_TRUE(open());
  client->forget(owner_id);
  EXPECT_FALSE(client->find(owner_id, static_cast<std::uint64_t>(region)));
  until([&] { return !server->is_open_at(reader_id, region); });
  ASSERT_TRUE(open());
  EXPECT_TRUE(client->find(owner_id, static_cast<std::uint64_t>(region)));
}

TEST_F(DirectPairTest, DescriptorsMappingsAndMemoryAreFlatOverAThousandSessions) {
  add_owned_region();
  ASSERT_TRUE(open());
  const auto count = [](const char* path) {
    std::size_t entries = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(path)) ++entries;
    return entries;
  };
  const auto mappings = [] {
    std::ifstream maps("/proc/self/maps");
    std::size_t memfds = 0;
    for (std::string line; std::getline(maps, line);) memfds += line.find("/memfd:") != std::string::npos ? 1 : 0;
    return memfds;
  };
  const auto resident_pages = [] {
    std::size_t all = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> all >> resident;
    return resident;
  };
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(open());
  const std::size_t descriptors = count("/proc/self/fd");
  const std::size_t mapped = mappings();
  const std::size_t pages = resident_pages();
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(open()) << i;
  until([&] { return count("/proc/self/fd") <= descriptors + 3 && mappings() <= mapped + 3; });
#if !BASE_ADDRESS_SANITIZER && !BASE_THREAD_SANITIZER
  // A sanitizer keeps what was freed, and looks for leaks itself. A session has some 100 KiB of buffers and mappings.
  EXPECT_LE(resident_pages(), pages + 1000) << "pages of 4 KiB";
#else
  EXPECT_GT(pages, 0u);
#endif
}

}  // namespace
}  // namespace kvp2p::testing
