#include "engine/testing/fake_provider.h"

#include <gtest/gtest.h>

#include <cstring>

namespace kvp2p::engine::testing {
namespace {

std::vector<TokenId> tokens_up_to(const std::vector<TokenId>& tokens, std::size_t block) {
  return {tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>((block + 1) * kBlockTokens)};
}

class FakeRequest final : public KVRequest {
 public:
  FakeRequest(FakeProvider& provider, std::vector<TokenId> tokens, std::vector<Slot> slots)
      : provider_(provider), tokens_(std::move(tokens)), slots_(std::move(slots)) {
    good_ = std::min(provider_.blocks_found(tokens_), (tokens_.size() - 1) / kBlockTokens);
  }

  LookupResult lookup_kv(std::uint32_t layer, base::TimePoint) override {
    ++provider_.lookups;
    if (const auto failure = provider_.take_failure(layer)) {
      for (std::size_t block = failure->first_block; block < good_; ++block) provider_.spoil(slots_[block]);
      good_ = std::min(good_, failure->first_block);
      return {LookupOutcome::kRestart, good_ * kBlockTokens, "ordered by the test"};
    }
    if (good_ == 0) return {};
    for (std::size_t block = 0; block < good_; ++block) provider_.load(tokens_, slots_[block], block, layer);
    return {LookupOutcome::kHit, good_ * kBlockTokens, ""};
  }
  LookupResult lookup_all(base::TimePoint) override { return {}; }
  void store_kv(std::uint32_t layer, std::size_t tokens) override {
    if (layer + 1 < provider_.layout.layers.size()) return;
    for (std::size_t block = 0; (block + 1) * kBlockTokens <= tokens; ++block) {
      provider_.save(tokens_, slots_[block], block);
    }
  }
  base::Result<> wait_stored(base::TimePoint) override { return {}; }
  base::Result<> wait_published(base::TimePoint) override { return {}; }
  TransferReport transfer_report() const override { return {}; }
  PutReport put_report() const override { return {}; }

 private:
  FakeProvider& provider_;
  const std::vector<TokenId> tokens_;
  const std::vector<Slot> slots_;
  std::size_t good_ = 0;
};

}  // namespace

base::Result<> FakeProvider::register_engine(const ModelSpec& model, const RegionMemory& memory,
                                             const LayoutDesc& engine_layout) {
  EXPECT_TRUE(engine_layout.fits(memory.bytes));
  spec = model;
  layout = engine_layout;
  start_ = static_cast<std::byte*>(memory.start);
  return {};
}

base::Result<std::unique_ptr<KVRequest>> FakeProvider::begin(std::vector<TokenId> tokens, std::vector<Slot> slots,
                                                             std::vector<Extras>) {
  if (broken) return make_error_code(boost::system::errc::not_connected);
  EXPECT_EQ(slots.size(), (tokens.size() + kBlockTokens - 1) / kBlockTokens);
  return std::unique_ptr<KVRequest>(std::make_unique<FakeRequest>(*this, std::move(tokens), std::move(slots)));
}

std::size_t FakeProvider::lookup(const std::vector<TokenId>& tokens, base::TimePoint) {
  return blocks_found(tokens) * kBlockTokens;
}

std::size_t FakeProvider::blocks_found(const std::vector<TokenId>& tokens) const {
  std::size_t block = 0;
  while ((block + 1) * kBlockTokens <= tokens.size() && store_.contains(tokens_up_to(tokens, block))) ++block;
  return block;
}

/// Calls visit(bytes) for each (plane, head, token) of a slot, in the store's order.
template <class Visit>
void FakeProvider::visit_rows(Slot slot, std::uint32_t layer, Visit visit) const {
  const std::size_t row_bytes = layout.format.head_dim * sizeof(float);
  const std::size_t first_token = slot % layout.slots_per_engine_block() * kBlockTokens;
  for (std::size_t plane_base : {layout.layers[layer].k, layout.layers[layer].v}) {
    for (std::size_t head = 0; head < layout.format.shard.heads(); ++head) {
      for (std::size_t token = 0; token < kBlockTokens; ++token) {
        visit(std::span(start_ + plane_base + slot / layout.slots_per_engine_block() * layout.block_stride +
                            (first_token + token) * layout.token_stride + head * layout.head_stride,
                        row_bytes));
      }
    }
  }
}

void FakeProvider::load(const std::vector<TokenId>& tokens, Slot slot, std::size_t block, std::uint32_t layer) {
  const std::byte* from = store_.at(tokens_up_to(tokens, block))[layer].data();
  visit_rows(slot, layer, [&](std::span<std::byte> row) {
    std::memcpy(row.data(), from, row.size());
    from += row.size();
  });
}

void FakeProvider::save(const std::vector<TokenId>& tokens, Slot slot, std::size_t block) {
  std::vector<std::vector<std::byte>> layers(layout.layers.size());
  for (std::uint32_t layer = 0; layer < layers.size(); ++layer) {
    visit_rows(slot, layer,
               [&](std::span<std::byte> row) { layers[layer].insert(layers[layer].end(), row.begin(), row.end()); });
  }
  store_.insert_or_assign(tokens_up_to(tokens, block), std::move(layers));
}

void FakeProvider::spoil(Slot slot) {
  for (std::uint32_t layer = 0; layer < layout.layers.size(); ++layer) {
    visit_rows(slot, layer, [](std::span<std::byte> row) { std::memset(row.data(), 0x7f, row.size()); });
  }
}

std::optional<FakeProvider::Failure> FakeProvider::take_failure(std::uint32_t layer) {
  if (failures.empty() || failures.front().layer != layer) return std::nullopt;
  const Failure failure = failures.front();
  failures.erase(failures.begin());
  return failure;
}

}  // namespace kvp2p::engine::testing
