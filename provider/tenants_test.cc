// Real nodes on loopback with cluster files and tenants.
#include "base/small_file.h"
#include "provider/error.h"
#include "provider/testing/test_engine.h"

#include <gtest/gtest.h>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using testing::in;
using testing::Shape;
using testing::TestEngine;

Shape small_shape() {
  Shape shape;
  shape.layers = 2;
  shape.engine_blocks = 4;
  return shape;
}

const std::string kAcme(64, 'a'), kBeta(64, 'b');

class TenantsTest : public ::testing::Test {
 protected:
  TenantsTest() {
    std::string pattern = (fs::temp_directory_path() / "kvp2p-tenants-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~TenantsTest() override { fs::remove_all(folder_); }
  fs::path write(const std::string& name, const std::string& content) const {
    EXPECT_TRUE(base::write_small_file(folder_ / name, content, 0600));
    return folder_ / name;
  }
  /// Holders of the cluster key may do `may` for the tenants named.
  static std::string cluster_file(const std::string& tenants, const std::string& may) {
    return R"({"version": 1, "tenants": {"acme": {"salt": ")" + kAcme + R"("}, "beta": {"salt": ")" + kBeta +
           R"("}}, "grants": [{"peers": ["cluster"], "models": ["*"], "tenants": [)" + tenants + R"(], "may": [)" +
           may + R"(]}]})";
  }
  static const std::string& everything() {
    static const std::string rights = R"("read", "write", "announce")";
    return rights;
  }
  NodeConfig config_of(const fs::path& cluster_file, const std::string& tenant) const {
    NodeConfig config = testing::test_node_config();
    config.cluster_file = cluster_file;
    config.tenant = tenant;
    config.direct = false;
    return config;
  }
  /// An engine on a node.
  struct Member {
    std::unique_ptr<Node> node;
    std::unique_ptr<TestEngine> engine;
    std::vector<BlockKey> keys;

    std::size_t matched() {
      MatchRequest request{engine->fingerprint(), keys, {engine->format()}, in(2s)};
      const MatchId match = node->core().match(std::move(request));
      const auto status = node->core().wait_match(match, in(5s));
      node->core().release(match);
      return status ? status->blocks : 0;
    }
  };
  Member start(NodeConfig config) const {
    Member member;
    member.node = Node::start(std::move(config)).value();
    member.engine = std::make_unique<TestEngine>(member.node->core(), testing::nhd(shape_), model_);
    member.keys = keys_from_tokens(member.engine->fingerprint(), testing::test_tokens(shape_.engine_blocks));
    return member;
  }
  static bool comes_to(std::size_t blocks, Member& member) {
    for (int i = 0; i < 100; ++i) {
      if (member.matched() == blocks) return true;
      std::this_thread::sleep_for(50ms);
    }
    return false;
  }

  fs::path folder_;
  const Shape shape_ = small_shape();
  const ModelSpec model_ = testing::test_model(shape_);
};

TEST_F(TenantsTest, ATenantsBlocksAreFoundByItsNodesAndByNoOthers) {
  const fs::path file = write("cluster.json", cluster_file(R"("*")", everything()));
  Member holder = start(config_of(file, "acme"));
  Member same = start(config_of(file, "acme"));
  Member other = start(config_of(file, "beta"));
  Member none = start(config_of(file, ""));
  for (Member* each : {&same, &other, &none}) testing::connect(*holder.node, *each->node);
  EXPECT_NE(holder.engine->fingerprint(), other.engine->fingerprint());
  EXPECT_NE(holder.engine->fingerprint(), none.engine->fingerprint());
  testing::publish(*holder.engine, holder.keys, holder.keys.size());
  EXPECT_TRUE(comes_to(holder.keys.size(), same));
  EXPECT_EQ(other.matched(), 0u);
  EXPECT_EQ(none.matched(), 0u);
  // Not even one that has learned of a key and asks for it in its own name.
  other.keys = holder.keys;
  EXPECT_EQ(other.matched(), 0u);
}

TEST_F(TenantsTest, WhoMayReadAnothersTenantOnlyIsRefused) {
  const fs::path file = write("cluster.json", cluster_file(R"("beta")", everything()));
  const fs::path all = write("all.json", cluster_file(R"("*")", everything()));
  Member holder = start(config_of(file, "acme"));
  Member same = start(config_of(all, "acme"));
  testing::connect(*holder.node, *same.node);
  testing::publish(*holder.engine, holder.keys, holder.keys.size());
  EXPECT_EQ(same.matched(), 0u);
  write("cluster.json", cluster_file(R"("acme")", everything()));
  holder.node->reload();
  EXPECT_TRUE(comes_to(holder.keys.size(), same)) << "the file is read again";
}

TEST_F(TenantsTest, ASaltAloneKeepsTenantsApart) {
  const auto config_with = [&](const fs::path& salt) {
    NodeConfig config = testing::test_node_config();
    config.tenant_salt_file = salt;
    return config;
  };
  const fs::path acme = write("acme.salt", kAcme + "\n"), beta = write("beta.salt", kBeta + "\n");
  Member holder = start(config_with(acme));
  Member same = start(config_with(acme));
  Member other = start(config_with(beta));
  testing::connect(*holder.node, *same.node);
  testing::connect(*holder.node, *other.node);
  testing::publish(*holder.engine, holder.keys, holder.keys.size());
  EXPECT_TRUE(comes_to(holder.keys.size(), same));
  EXPECT_EQ(other.matched(), 0u);
  EXPECT_EQ(holder.node->core().tenant_salt(), base::Bytes(32, 0xaa));
}

TEST_F(TenantsTest, WhatIsWrongIsAnErrorAtTheStart) {
  const fs::path file = write("cluster.json", cluster_file(R"("*")", everything()));
  const auto error_of = [&](auto change) {
    NodeConfig config = config_of(file, "");
    change(config);
    auto node = Node::start(std::move(config));
    return node ? base::Error() : node.error();
  };
  EXPECT_FALSE(error_of([](NodeConfig&) {}));
  EXPECT_EQ(error_of([](NodeConfig& c) { c.open = true; }), NodeError::kOpenWithClusterFile);
  EXPECT_EQ(error_of([](NodeConfig& c) { c.tenant = "gamma"; }), NodeError::kBadTenant);
  EXPECT_EQ(error_of([&](NodeConfig& c) { c.cluster_file = write("bad.json", "{}"); }), NodeError::kBadClusterFile);
  EXPECT_EQ(error_of([&](NodeConfig& c) { c.cluster_file = folder_ / "none"; }), NodeError::kBadClusterFile);
  EXPECT_EQ(error_of([&](NodeConfig& c) { c.tenant_salt_file = write("salt", "secret"); }), NodeError::kBadTenant);
  EXPECT_EQ(error_of([&](NodeConfig& c) {
              c.tenant_salt_file = write("salt", kAcme);
              c.tenant = "acme";
            }),
            NodeError::kBadTenant);
  EXPECT_EQ(error_of([&](NodeConfig& c) {
              c.cluster_file.clear();
              c.tenant = "acme";
            }),
            NodeError::kBadTenant);
}

}  // namespace
}  // namespace kvp2p
