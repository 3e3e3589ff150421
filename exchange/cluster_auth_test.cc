#include "exchange/cluster_auth.h"
#include "multiformats/numbered_peer.h"

#include <gtest/gtest.h>

namespace kvp2p {
namespace {

constexpr auto peer = multiformats::testing::numbered_peer;

class ClusterAuth : public ::testing::Test {
 protected:
  ClusterAuth() {
    transcript_.opener = peer(1);
    transcript_.acceptor = peer(2);
    transcript_.opener_nonce.fill(3);
    transcript_.acceptor_nonce.fill(4);
  }
  bool fits(const HelloTranscript& transcript, HelloRole role) const {
    return cluster_proof_fits(key_, transcript, role, cluster_proof(key_, transcript_, HelloRole::kOpener));
  }

  base::Bytes key_ = base::Bytes(kClusterKeyBytes, 7);
  HelloTranscript transcript_;
};

TEST_F(ClusterAuth, AProofFitsItsOwnHello) { EXPECT_TRUE(fits(transcript_, HelloRole::kOpener)); }

TEST_F(ClusterAuth, AnotherKeyDoesNotFit) {
  const base::Bytes other(kClusterKeyBytes, 8);
  EXPECT_FALSE(
      cluster_proof_fits(other, transcript_, HelloRole::kOpener, cluster_proof(key_, transcript_, HelloRole::kOpener)));
}

TEST_F(ClusterAuth, AReflectedProofDoesNotFit) {
  EXPECT_FALSE(fits(transcript_, HelloRole::kAcceptor));
  // Nor if the one who reflects takes the other role in a second hello, with the nonces that it was given.
  HelloTranscript mirrored;
  mirrored.opener = transcript_.acceptor;
  mirrored.acceptor = transcript_.opener;
  mirrored.opener_nonce = transcript_.acceptor_nonce;
  mirrored.acceptor_nonce = transcript_.opener_nonce;
  EXPECT_FALSE(fits(mirrored, HelloRole::kOpener));
  EXPECT_FALSE(fits(mirrored, HelloRole::kAcceptor));
}

TEST_F(ClusterAuth, AReplayedProofDoesNotFit) {
  auto later = transcript_;
  later.acceptor_nonce.fill(5);
  EXPECT_FALSE(fits(later, HelloRole::kOpener));
  later = transcript_;
  later.opener_nonce.fill(5);
  EXPECT_FALSE(fits(later, HelloRole::kOpener));
}

TEST_F(ClusterAuth, ARelayedProofDoesNotFit) {
  auto relayed = transcript_;
  relayed.opener = peer(9);
  EXPECT_FALSE(fits(relayed, HelloRole::kOpener));
  relayed = transcript_;
  relayed.acceptor = peer(9);
  EXPECT_FALSE(fits(relayed, HelloRole::kOpener));
}

// The vector of docs/protocol.md.
TEST_F(ClusterAuth, TheProofIsTheDocumentsOne) {
  EXPECT_EQ(base::to_hex(cluster_proof(key_, transcript_, HelloRole::kOpener)),
            "d00cdf004e5f94e5ee4c7d84cdd1765ede13812d4c33adc77eed3bf9044513d9");
}

TEST(AnnouncementProofTest, ItIsGoodForTheKeyTheOriginTheModelAndThePayloadAlone) {
  const base::Bytes key(kClusterKeyBytes, 1), other_key(kClusterKeyBytes, 2);
  const multiformats::PeerId origin = peer(1), other = peer(2);
  const Fingerprint model{{7}}, other_model{{8}};
  const base::Bytes payload = {1, 2, 3}, other_payload = {1, 2, 4};
  const wire::Mac proof = announcement_proof(key, origin, model, payload);
  EXPECT_TRUE(announcement_proof_fits(key, origin, model, payload, proof));
  EXPECT_FALSE(announcement_proof_fits(other_key, origin, model, payload, proof));
  EXPECT_FALSE(announcement_proof_fits(key, other, model, payload, proof));
  EXPECT_FALSE(announcement_proof_fits(key, origin, other_model, payload, proof));
  EXPECT_FALSE(announcement_proof_fits(key, origin, model, other_payload, proof));
  EXPECT_FALSE(announcement_proof_fits(key, origin, model, payload, base::ConstBytes(proof).first(31)));
  EXPECT_FALSE(announcement_proof_fits(key, origin, model, payload, {}));
}

TEST(GossipNamesTest, ClustersHaveTheirOwn) {
  const base::Bytes key(kClusterKeyBytes, 1), other(kClusterKeyBytes, 2);
  const Fingerprint model{{7}};
  EXPECT_EQ(gossip_topic_name({}, model), model);
  EXPECT_EQ(gossip_topic_name(key, model), gossip_topic_name(key, model));
  EXPECT_NE(gossip_topic_name(key, model), gossip_topic_name(other, model));
  EXPECT_NE(gossip_topic_name(key, model), model);
  EXPECT_EQ(gossip_tag(key), gossip_tag(key));
  EXPECT_NE(gossip_tag(key), gossip_tag(other));
  EXPECT_NE(gossip_tag(key), gossip_tag({}));
}

}  // namespace
}  // namespace kvp2p
