#include "libp2p/protocols/gossipsub/config.h"

#include "libp2p/protocols/gossipsub/error.h"
#include "libp2p/protocols/gossipsub/testing/test_peers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace libp2p::gossipsub {
namespace {

Config defaults() { return Config{.key = testing::key(1)}; }

void expect_refused(Errc error, const std::vector<std::function<void(Config&)>>& changes) {
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Config config = defaults();
    changes[i](config);
    EXPECT_EQ(validate(config).error(), error) << "change " << i;
  }
}

TEST(GossipsubConfig, DefaultsAreValid) { EXPECT_TRUE(validate(defaults())); }

TEST(GossipsubConfig, MeshParamsMustFitTogether) {
  expect_refused(Errc::kBadMeshParams, {
                                           [](Config& c) { c.mesh.d_low = c.mesh.d + 1; },
                                           [](Config& c) { c.mesh.d_high = c.mesh.d - 1; },
                                           [](Config& c) { c.mesh.d_score = c.mesh.d + 1; },
                                           [](Config& c) { c.mesh.d_out = c.mesh.d / 2 + 1; },
                                           [](Config& c) { c.mesh.d_low = c.mesh.d_out; },
                                           [](Config& c) { c.mesh.gossip_factor = 1.5; },
                                           [](Config& c) { c.mesh.gossip_windows = c.mesh.history_windows + 1; },
                                           [](Config& c) { c.mesh.gossip_windows = 0; },
                                           [](Config& c) { c.mesh.heartbeat_interval = {}; },
                                           [](Config& c) { c.mesh.prune_backoff = {}; },
                                           [](Config& c) { c.mesh.prune_peers = 17; },
                                       });
}

TEST(GossipsubConfig, ThresholdsMustBeInOrder) {
  expect_refused(Errc::kBadThresholds, {
                                           [](Config& c) { c.thresholds.gossip = 0; },
                                           [](Config& c) { c.thresholds.publish = c.thresholds.gossip + 1; },
                                           [](Config& c) { c.thresholds.graylist = c.thresholds.publish + 1; },
                                           [](Config& c) { c.thresholds.graylist = -INFINITY; },
                                           [](Config& c) { c.thresholds.accept_px = -1; },
                                           [](Config& c) { c.thresholds.opportunistic_graft = -1; },
                                           [](Config& c) { c.thresholds.gossip = NAN; },
                                       });
}

TEST(GossipsubConfig, ScoreParamsMustHaveTheirSigns) {
  expect_refused(Errc::kBadScoreParams, {
                                            [](Config& c) { c.score.ip_colocation_factor_weight = 1; },
                                            [](Config& c) { c.score.ip_colocation_factor_threshold = 0; },
                                            [](Config& c) { c.score.behaviour_penalty_weight = 1; },
                                            [](Config& c) { c.score.behaviour_penalty_decay = 1; },
                                            [](Config& c) { c.score.app_specific_weight = -1; },
                                            [](Config& c) { c.score.decay_interval = std::chrono::milliseconds(1); },
                                            [](Config& c) { c.score.decay_to_zero = 0; },
                                        });
  expect_refused(Errc::kBadTopicScoreParams,
                 {
                     [](Config& c) { c.score.other_topics->topic_weight = -1; },
                     [](Config& c) { c.score.other_topics->time_in_mesh_weight = -1; },
                     [](Config& c) { c.score.other_topics->time_in_mesh_quantum = {}; },
                     [](Config& c) { c.score.other_topics->first_message_deliveries_decay = 0; },
                     [](Config& c) { c.score.other_topics->invalid_message_deliveries_weight = 1; },
                     [](Config& c) { c.score.topics["a"].mesh_message_deliveries_weight = 1; },
                     [](Config& c) { c.score.topics["a"].mesh_message_deliveries_cap = 1; },
                     [](Config& c) { c.score.topics["a"].mesh_failure_penalty_weight = 1; },
                 });
}

TEST(GossipsubConfig, LimitsMustLeaveRoom) {
  expect_refused(Errc::kBadLimits, {
                                       [](Config& c) { c.limits.rpc_bytes_max = c.limits.message_bytes_max; },
                                       [](Config& c) { c.limits.queued_bytes_max = 0; },
                                       [](Config& c) { c.limits.verifications_burst = 0; },
                                       [](Config& c) { c.limits.write_timeout = {}; },
                                       [](Config& c) { c.message_id = nullptr; },
                                   });
}

}  // namespace
}  // namespace libp2p::gossipsub
