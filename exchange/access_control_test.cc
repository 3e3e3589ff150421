#include "exchange/access_control.h"

#include "kv/tenant.h"

#include <gtest/gtest.h>

namespace kvp2p {
namespace {

using multiformats::PeerId;

PeerId new_peer() { return PeerId::from_public_key(multiformats::PrivateKey::generate().public_key()); }

class AccessControlTest : public ::testing::Test {
 protected:
  AccessControlTest() {
    model_.bytes.fill(1);
    other_model_.bytes.fill(2);
    policy_.tenants["acme"].salt = base::Bytes(16, 'a');
    policy_.tenants["beta"].salt = base::Bytes(16, 'b');
    policy_.tenants["gamma"];
    control_.add_model(model_);
    control_.add_model(other_model_);
  }
  Grant& grant(Right right) {
    policy_.grants.emplace_back().rights = static_cast<std::uint8_t>(right);
    return policy_.grants.back();
  }
  void apply() { control_.set_policy(std::make_shared<const ClusterPolicy>(policy_)); }
  Fingerprint space(const Fingerprint& model, const std::string& tenant) const {
    return tenant_fingerprint(model, policy_.tenants.at(tenant).salt);
  }
  bool may(const PeerId& peer, Right right, const Fingerprint& where, bool holds_key = false) const {
    return control_.may(peer, holds_key, right, where);
  }

  Fingerprint model_, other_model_;
  ClusterPolicy policy_;
  AccessControl control_;
  const PeerId peer_ = new_peer();
};

TEST_F(AccessControlTest, WithoutAFileWhoeverHoldsTheKeyMayEverything) {
  EXPECT_TRUE(control_.admits(peer_, true));
  EXPECT_FALSE(control_.admits(peer_, false));
  EXPECT_TRUE(may(peer_, Right::kWrite, model_));
  EXPECT_TRUE(control_.may_everywhere(peer_, true, Right::kRead));
}

TEST_F(AccessControlTest, AGrantIsForItsPeersModelsTenantsAndRights) {
  Grant& to_peer = grant(Right::kRead);
  to_peer.peers = {peer_};
  to_peer.models = {model_};
  to_peer.tenants = {"acme"};
  apply();
  EXPECT_TRUE(control_.admits(peer_, false));
  EXPECT_TRUE(may(peer_, Right::kRead, space(model_, "acme")));
  EXPECT_FALSE(may(new_peer(), Right::kRead, space(model_, "acme"), true));
  EXPECT_FALSE(may(peer_, Right::kWrite, space(model_, "acme")));
  EXPECT_FALSE(may(peer_, Right::kAnnounce, space(model_, "acme")));
  EXPECT_FALSE(may(peer_, Right::kRead, space(model_, "beta")));
  EXPECT_FALSE(may(peer_, Right::kRead, space(other_model_, "acme")));
  EXPECT_FALSE(may(peer_, Right::kRead, model_)) << "blocks of no tenant";
  EXPECT_FALSE(control_.may_everywhere(peer_, false, Right::kRead));
}

TEST_F(AccessControlTest, MembersOfTheClusterAreWhoHoldsTheKey) {
  Grant& to_members = grant(Right::kRead);
  to_members.cluster_members = to_members.any_model = true;
  to_members.tenants = {std::string(kNoTenant)};
  apply();
  EXPECT_TRUE(control_.admits(peer_, true));
  EXPECT_FALSE(control_.admits(peer_, false));
  EXPECT_TRUE(may(peer_, Right::kRead, model_, true));
  EXPECT_FALSE(may(peer_, Right::kRead, model_, false));
  EXPECT_FALSE(may(peer_, Right::kRead, space(model_, "acme"), true));
}

TEST_F(AccessControlTest, WhatNobodyHereKnowsIsNobodys) {
  Grant& everything = grant(Right::kRead);
  everything.peers = {peer_};
  everything.any_model = everything.any_tenant = true;
  apply();
  Fingerprint unknown;
  EXPECT_FALSE(may(peer_, Right::kRead, unknown));
  EXPECT_FALSE(may(peer_, Right::kRead, tenant_fingerprint(model_, base::Bytes(16, 'x'))));
  EXPECT_TRUE(control_.may_everywhere(peer_, false, Right::kRead));
  EXPECT_FALSE(control_.may_everywhere(peer_, false, Right::kWrite));
  control_.add_model(unknown);
  EXPECT_TRUE(may(peer_, Right::kRead, unknown));
}

TEST_F(AccessControlTest, AnotherFileHoldsForModelsThatWereKnownBefore) {
  apply();
  EXPECT_FALSE(may(peer_, Right::kRead, model_));
  policy_.tenants["acme"].salt = base::Bytes(16, 'c');
  Grant& everything = grant(Right::kRead);
  everything.peers = {peer_};
  everything.any_model = everything.any_tenant = true;
  apply();
  EXPECT_TRUE(may(peer_, Right::kRead, space(model_, "acme")));
  EXPECT_FALSE(may(peer_, Right::kRead, tenant_fingerprint(model_, base::Bytes(16, 'a'))));
}

}  // namespace
}  // namespace kvp2p
