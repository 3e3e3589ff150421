#include "cache/testing/direct_fixture.h"

#include "cache/local_block_set.h"

#include <optional>

namespace kvp2p::testing {

using namespace std::chrono_literals;

DirectCacheTest::DirectCacheTest(NamedLayout owner_layout, std::size_t step_bytes)
    : CacheTest(64, true, step_bytes), owner_engine_(std::move(owner_layout), true) {
  server_ = DirectServer::start(io_.get_executor(), real_clock_, owner_connector_).value();
  auto staging = StagingPool::create(*owner_connector_.allocate_host(1u << 20), 256u << 10, 4);
  CacheConfig config;
  config.store_bytes_max = 64 * owner_engine_.format().block_bytes();
  config.workers = 1;
  owner_ = std::make_unique<CacheManager>(io_.get_executor(), clock_, owner_connector_, std::move(staging),
                                          owner_index_, config, DirectPath{server_.get(), nullptr});
  owner_region_ = owner_->register_region(owner_engine_.as_region(), owner_engine_.layout()).value();
  owner_->register_model(model_);
  exchange_->scripts[owner_id_].keys.insert(keys_.begin(), keys_.end());
  exchange_->on_answer = [this](const multiformats::PeerId& peer, const LookupRequest& request, LookupAnswer& answer) {
    if (peer != owner_id_) return;
    LookupAnswer owners = owner_->local_blocks().lookup(reader_id_, request);
    // The lease that the exchange counts is its own.
    owner_->local_blocks().release(reader_id_, owners.lease);
    answer.blocks = std::move(owners.blocks);
  };
  settle();
}

DirectCacheTest::~DirectCacheTest() {
  close_reader();
  owner_->stop();
  settle();
  owner_->unregister_region(owner_region_);
  settle();
  owner_.reset();
  base::spawn(io_.get_executor(), server_->close());
  settle();
  server_.reset();
}

namespace {

base::Task<> run_open(DirectClient& client, multiformats::PeerId peer, DirectTicket ticket, base::TimePoint deadline,
                      std::optional<base::Result<>>& opened) {
  opened = co_await client.open(peer, std::move(ticket), deadline);
}

}  // namespace

void DirectCacheTest::open() {
  std::optional<base::Result<>> opened;
  base::spawn(io_.get_executor(),
              run_open(*direct_client_, owner_id_, server_->issue_ticket(reader_id_), real_clock_.now() + 30s, opened));
  run_until([&] { return opened && server_->is_open_at(reader_id_, owner_region_); });
  ASSERT_TRUE(*opened) << opened->error().message();
}

OfferId DirectCacheTest::offer(std::size_t first, std::size_t end) {
  PutRequest request;
  request.fingerprint = fingerprint_;
  request.region = owner_region_;
  for (std::size_t block = first; block < end; ++block) {
    const std::size_t content = block < other_from_ ? block : (block + 1) % kBlocks;
    owner_engine_.compute(keys_[content], static_cast<Slot>(block));
    request.keys.push_back(keys_[block]);
    request.slots.push_back(static_cast<Slot>(block));
  }
  const OfferId id = owner_->offer(std::move(request)).value();
  settle();
  return id;
}

void DirectCacheTest::take_back_and_reuse(OfferId offer) {
  owner_->revoke(offer);
  const auto state = owner_->find(offer);
  ASSERT_TRUE(state->wait_unleased(std::chrono::steady_clock::now() + 20ms));
  for (const Slot slot : state->request().slots) owner_engine_.compute(keys_[(slot + 1) % kBlocks], slot);
}

void DirectCacheTest::run_until_done(const std::shared_ptr<TransferState>& state) {
  run_until([&] {
    for (; fetches_sent_ < exchange_->fetches.size(); ++fetches_sent_) {
      exchange_->send_all(*exchange_->fetches[fetches_sent_]);
    }
    return state->status().done;
  });
  settle();
}

void DirectCacheTest::expect_right(const TransferState& state, std::size_t expected) {
  const std::size_t good = state.status().good_blocks;
  EXPECT_GE(good, expected) << state.status().reason;
  for (Slot slot = 0; slot < good; ++slot) EXPECT_TRUE(engine_.holds(keys_[slot], slot)) << "slot " << slot;
}

std::uint64_t DirectCacheTest::counter(const std::string& name) const {
  for (const auto& [known, value] : manager_->stats().counters) {
    if (known == name) return value;
  }
  ADD_FAILURE() << "no counter " << name;
  return 0;
}

}  // namespace kvp2p::testing
