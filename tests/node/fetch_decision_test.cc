// The reference engine on real nodes: what is fetched and what is recomputed by the rates, and the tokens are the same.
#include "engine/engine.h"
#include "engine/synthetic_model.h"
#include "engine/testing/numbers.h"
#include "provider/node_impl.h"
#include "provider/testing/test_engine.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;
using testing::in;

constexpr std::size_t kPromptTokens = 321;  // twenty full blocks, and one token for the logits
constexpr std::size_t kGenerated = 12;

const engine::Model& tiny_model() {
  static const engine::Model model =
      engine::make_synthetic_model(
          *engine::parse_synthetic_spec("synthetic:layers=4,hidden=64,heads=4,kv_heads=2,vocab=300,tied=0,seed=5"))
          .value();
  return model;
}

engine::EngineOptions options() {
  engine::EngineOptions options;
  options.tokens_max = 512;
  options.kv_tokens = 1024;
  options.chunk_tokens = 96;
  options.cache_budget = 20s;
  return options;
}

/// A node with a reference engine.
struct Party {
  Party() : node(Node::start(testing::test_node_config()).value()), engine(tiny_model(), options()) {
    provider = KVCacheProvider::create(node->core());
    EXPECT_TRUE(engine.use_cache(*provider, {}));
  }
  CacheManager& manager() { return static_cast<NodeImpl&>(*node).manager(); }
  std::uint64_t counter(const std::string& name) {
    for (const auto& [known, value] : node->core().stats().counters) {
      if (known == name) return value;
    }
    return 0;
  }

  std::unique_ptr<Node> node;
  engine::Engine engine;
  std::unique_ptr<KVCacheProvider> provider;
};

class FetchDecisionNodeTest : public ::testing::Test {
 protected:
  /// The party computes and publishes the first `tokens` tokens of the prompt.
  void publish(Party& party, std::size_t tokens) {
    auto sequence = party.engine.prefill({prompt_.begin(), prompt_.begin() + static_cast<std::ptrdiff_t>(tokens)});
    ASSERT_TRUE(sequence);
    ASSERT_TRUE(sequence->cache().wait_published(in(20s)));
  }
  /// As if peers had been measured to be this fast.
  void measured(const Party& peer, double bytes_per_second) {
    const auto bytes = static_cast<std::size_t>(bytes_per_second);
    for (std::size_t i = 0; i < kEstimateSamplesMin; ++i) {
      consumer_.manager().peer_estimates().add(peer.node->peer_id(), PeerPath::kNetwork, bytes, 0s, 1s,
                                               std::chrono::steady_clock::now());
    }
  }
  /// Whether the consumer has heard what each of so many peers holds: what a peer has when it connects is one message.
  bool told_of_blocks(std::uint64_t peers) {
    const auto deadline = in(20s);
    while (consumer_.counter("announcements_received") < peers) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }
  struct Run {
    engine::PrefillReport report;
    std::string decision;
    std::vector<engine::Token> generated;
  };
  Run run() {
    auto sequence = consumer_.engine.prefill(prompt_);
    EXPECT_TRUE(sequence);
    Run run{sequence->report(), sequence->cache().transfer_report().decision, {}};
    run.generated = consumer_.engine.decode(*sequence, kGenerated).value();
    return run;
  }
  std::vector<engine::Token> without_a_cache() {
    engine::Engine engine(tiny_model(), options());
    auto sequence = engine.prefill(prompt_);
    return engine.decode(*sequence, kGenerated).value();
  }

  const std::vector<engine::Token> prompt_ = engine::testing::Numbers(3).tokens(kPromptTokens, 300);
  Party near_, far_, consumer_;
};

TEST_F(FetchDecisionNodeTest, FirstTimeIsFetchedToLearn) {
  testing::connect(*near_.node, *consumer_.node);
  publish(near_, kPromptTokens);
  const Run first = run();
  EXPECT_EQ(first.report.fetched_tokens, 320u) << first.report.reason;
  EXPECT_NE(first.decision.find("to learn"), std::string::npos) << first.decision;
  EXPECT_EQ(first.generated, without_a_cache());
  EXPECT_EQ(consumer_.counter("decided_unmeasured"), 1u);
}

TEST_F(FetchDecisionNodeTest, WhatWouldComeTooLateIsRecomputed) {
  testing::connect(*near_.node, *consumer_.node);
  publish(near_, kPromptTokens);
  measured(near_, 1e3);
  consumer_.provider->report_prefill(1000, 0, 10ms);
  const Run recomputed = run();
  EXPECT_EQ(recomputed.report.fetched_tokens, 0u);
  EXPECT_EQ(recomputed.decision.rfind("recompute: 320 tokens", 0), 0u) << recomputed.decision;
  EXPECT_EQ(recomputed.generated, without_a_cache());
  EXPECT_EQ(consumer_.counter("decided_recompute"), 1u);
  EXPECT_EQ(consumer_.counter("blocks_left_to_recompute"), 20u);
}

TEST_F(FetchDecisionNodeTest, ShorterPrefixIsFetchedAndTheRestRecomputedWithTheSameTokens) {
  publish(near_, 161);  // ten blocks
  publish(far_, kPromptTokens);
  testing::connect(*near_.node, *consumer_.node);
  auto connected = consumer_.node->connect(far_.node->addresses().front(), 20s);
  ASSERT_TRUE(connected) << connected.error().message();
  ASSERT_TRUE(told_of_blocks(2));
  measured(near_, 1e9);
  measured(far_, 1e3);
  consumer_.provider->report_prefill(1000, 0, 100ms);
  const Run partly = run();
  EXPECT_EQ(partly.report.fetched_tokens, 160u) << partly.report.reason;
  EXPECT_EQ(partly.report.computed_tokens, kPromptTokens - 160);
  EXPECT_EQ(partly.decision.rfind("fetch 160 of 320 tokens", 0), 0u) << partly.decision;
  EXPECT_EQ(partly.generated, without_a_cache());
  EXPECT_EQ(consumer_.counter("decided_fetch_part"), 1u);
}

TEST_F(FetchDecisionNodeTest, WhatComesInTimeIsFetched) {
  testing::connect(*near_.node, *consumer_.node);
  publish(near_, kPromptTokens);
  measured(near_, 1e9);
  consumer_.provider->report_prefill(1000, 0, 1s);
  const Run fetched = run();
  EXPECT_EQ(fetched.report.fetched_tokens, 320u) << fetched.report.reason;
  EXPECT_EQ(fetched.decision.rfind("fetch: 320 tokens in", 0), 0u) << fetched.decision;
  EXPECT_EQ(fetched.generated, without_a_cache());
}

}  // namespace
}  // namespace kvp2p
