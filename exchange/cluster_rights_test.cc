// What a cluster file grants, between nodes.
#include "exchange/exchange_error.h"
#include "exchange/testing/test_node.h"

namespace kvp2p::testing {
namespace {

using namespace std::chrono_literals;
using multiformats::PeerId;

constexpr std::uint8_t kEverything = 7;

Fingerprint test_space() { return fingerprint_of(test_model()); }

/// A node that holds blocks and has a cluster file, and an asker without one that has the same key.
class ClusterRightsTest : public ExchangeTest {
 protected:
  ClusterRightsTest() : asker_id_(FakeHost(io_.get_executor(), 2).peer_id()) {}

  static std::shared_ptr<const ClusterPolicy> granting(const PeerId& peer, std::uint8_t rights) {
    ClusterPolicy policy;
    if (rights != 0) {
      Grant& grant = policy.grants.emplace_back();
      grant.peers = {peer};
      grant.models = {test_space()};
      grant.tenants = {std::string(kNoTenant)};
      grant.rights = rights;
    }
    return std::make_shared<const ClusterPolicy>(std::move(policy));
  }
  void start(std::uint8_t rights, base::Bytes askers_key = test_cluster_key()) {
    access_->add_model(test_space());
    access_->set_policy(granting(asker_id_, rights));
    holder_ = &add_node({.access = access_});
    holder_->blocks.add(0);
    holder_->blocks.add(1);
    asker_ = &add_node({.cluster_key = std::move(askers_key), .trusted = {holder_->id()}});
    ASSERT_EQ(asker_->id(), asker_id_);
    asker_->host.dial(holder_->host);
    poll();
  }
  base::Result<LookupAnswer> ask() {
    auto answer = finish(asker_->exchange->lookup(holder_->id(), request(0, 1), in(1s)));
    return answer ? std::move(*answer) : base::Result<LookupAnswer>(ExchangeError::kTimeout);
  }
  base::Result<std::size_t> put() {
    auto bytes = std::make_shared<base::Bytes>(test_block(test_key(9), test_format()));
    Exchange::PutBlock block{test_key(9), *bytes, {}, bytes};
    block.leaves.resize(test_format().leaf_count());
    compute_leaves(*bytes, test_format().head_slice_bytes(), block.leaves);
    std::vector<Exchange::PutBlock> blocks{block};
    auto stored = finish(asker_->exchange->put(holder_->id(), request(9, 1), std::move(blocks), in(1s)));
    return stored ? *stored : base::Result<std::size_t>(ExchangeError::kTimeout);
  }
  void change(std::uint8_t rights) {
    const auto before = access_->policy();
    access_->set_policy(granting(asker_id_, rights));
    holder_->exchange->policy_changed([&](const PeerId& peer) { return same_for(*before, *access_->policy(), peer); });
    poll();
    for (int i = 0; i < 5; ++i) advance(1s);  // the control stream is opened again
  }

  const PeerId asker_id_;
  std::shared_ptr<AccessControl> access_ = std::make_shared<AccessControl>();
  TestNode* holder_ = nullptr;
  TestNode* asker_ = nullptr;
};

TEST_F(ClusterRightsTest, WhoMayEverythingDoes) {
  start(kEverything);
  const auto answer = ask();
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_TRUE(answer->blocks.at(0).present);
  EXPECT_EQ(put().value(), 1u);
  EXPECT_EQ(asker_->index.pairs(), 2u) << "it is told of what is there";
  asker_->exchange->announce_stored(test_space(), test_format(), test_key(5));
  advance(1s);
  EXPECT_EQ(holder_->index.pairs(), 1u);
}

TEST_F(ClusterRightsTest, WhoMayNotReadIsNeitherAnsweredNorTold) {
  start(static_cast<std::uint8_t>(Right::kWrite) | static_cast<std::uint8_t>(Right::kAnnounce));
  EXPECT_EQ(ask().error(), ExchangeError::kNotAuthorised);
  EXPECT_EQ(holder_->blocks.calls, 0u);
  EXPECT_EQ(asker_->index.pairs(), 0u);
  holder_->exchange->announce_stored(test_space(), test_format(), test_key(5));
  advance(1s);
  EXPECT_EQ(asker_->index.pairs(), 0u);
}

TEST_F(ClusterRightsTest, WhoMayNotWriteLeavesNothing) {
  start(static_cast<std::uint8_t>(Right::kRead));
  EXPECT_EQ(put().error(), ExchangeError::kNotAuthorised);
  EXPECT_FALSE(holder_->blocks.blocks.contains(test_key(9)));
}

TEST_F(ClusterRightsTest, WhoMayNotAnnounceIsNotBelieved) {
  start(static_cast<std::uint8_t>(Right::kRead));
  asker_->exchange->announce_stored(test_space(), test_format(), test_key(5));
  advance(1s);
  EXPECT_EQ(holder_->index.pairs(), 0u);
  EXPECT_TRUE(ask());
}

TEST_F(ClusterRightsTest, AnotherModelIsRefused) {
  start(kEverything);
  LookupRequest other = request(0, 1);
  other.model_fields = test_model("bb");
  other.fingerprint = fingerprint_of(other.model_fields);
  access_->add_model(other.fingerprint);
  const auto answer = finish(asker_->exchange->lookup(holder_->id(), other, in(1s)));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error(), ExchangeError::kNotAuthorised);
}

TEST_F(ClusterRightsTest, WhoIsNamedNeedsNoClusterKey) {
  start(kEverything, base::Bytes(32, 1));
  EXPECT_TRUE(ask());
}

TEST_F(ClusterRightsTest, TheKeyIsNotEnoughForWhoIsGrantedNothing) {
  start(0);
  EXPECT_EQ(ask().error(), ExchangeError::kNotAuthorised);
  EXPECT_TRUE(holder_->exchange->peers().empty());
}

TEST_F(ClusterRightsTest, AFileThatChangesHoldsAtOnce) {
  start(kEverything);
  ASSERT_TRUE(ask());
  asker_->exchange->announce_stored(test_space(), test_format(), test_key(5));
  advance(1s);
  ASSERT_EQ(holder_->index.pairs(), 1u);
  change(static_cast<std::uint8_t>(Right::kRead));
  EXPECT_TRUE(ask());
  EXPECT_EQ(holder_->index.pairs(), 0u) << "what was announced before is forgotten";
  EXPECT_EQ(put().error(), ExchangeError::kNotAuthorised);
  change(0);
  EXPECT_FALSE(ask());
  change(kEverything);
  EXPECT_TRUE(ask());
  EXPECT_EQ(put().value(), 1u);
}

TEST_F(ClusterRightsTest, AChangeThatIsAboutOthersLeavesASessionAlone) {
  start(kEverything);
  ClusterPolicy more = *access_->policy();
  more.grants.emplace_back().peers = {holder_->id()};
  const auto before = access_->policy();
  access_->set_policy(std::make_shared<const ClusterPolicy>(more));
  holder_->exchange->policy_changed([&](const PeerId& peer) { return same_for(*before, *access_->policy(), peer); });
  poll();
  EXPECT_EQ(holder_->exchange->peers().size(), 1u);
  EXPECT_TRUE(ask());
}

}  // namespace
}  // namespace kvp2p::testing
