#include "direct/testing/direct_pair.h"
#include "multiformats/numbered_peer.h"

namespace kvp2p::testing {

multiformats::PeerId test_peer(std::uint8_t number) { return multiformats::testing::numbered_peer(number); }

DirectPairTest::DirectPairTest() {
  server = *DirectServer::start(context.get_executor(), clock, owner);
  client = DirectClient::create(context.get_executor(), clock, reader);
  target = *SharedMemory::create(layout.region_bytes);
  target_region = *reader.register_region(target.as_region(), layout.layout);
}

DirectPairTest::~DirectPairTest() {
  client.reset();
  server.reset();
  context.restart();
  context.poll();
}

RegionId DirectPairTest::add_owned_region() {
  owned.push_back(*SharedMemory::create(layout.region_bytes));
  const RegionId region = *owner.register_region(owned.back().as_region(), layout.layout);
  server->add_region(region, layout.layout.slots());
  return region;
}

void DirectPairTest::fill(std::uint8_t byte) {
  for (SharedMemory& memory : owned) std::memset(memory.data(), byte, memory.size());
}

base::Result<> DirectPairTest::open() { return open(server->issue_ticket(reader_id)); }

base::Result<> DirectPairTest::open(DirectTicket ticket) {
  return run(client->open(owner_id, std::move(ticket), clock.now() + std::chrono::seconds(10)));
}

void DirectPairTest::until(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!condition()) {
    ASSERT_LT(std::chrono::steady_clock::now(), end);
    std::this_thread::yield();
  }
}

bool DirectPairTest::read(PeerRegion& from, Slot slot, std::uint64_t generation) {
  auto mark = from.begin_read();
  if (!mark) return false;
  std::promise<base::Result<>> done;
  std::vector<IndexPair> layers;
  for (std::uint32_t i = 0; i < layout.layout.layers.size(); ++i) layers.push_back({i, i});
  std::memset(target.data(), 0, target.size());
  reader.copy_direct(from.import_id(), target_region, {{slot, 0}}, layers, {},
                     [&](base::Result<> outcome) { done.set_value(outcome); });
  if (!done.get_future().get()) return false;
  if (!from.is_unchanged(slot, generation)) return false;
  for (const IndexPair& layer : layers) {
    const auto got = naive_gather(layout.layout, target.data(), layer.to, 0);
    const auto wanted = naive_gather(layout.layout, owned.front().data(), layer.from, slot);
    EXPECT_EQ(got, wanted) << "layer " << layer.from << " of slot " << slot;
  }
  return true;
}

}  // namespace kvp2p::testing
