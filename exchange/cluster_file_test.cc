#include "exchange/cluster_file.h"

#include "base/small_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace kvp2p {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::SizeIs;

const std::string kPeer = "12D3KooWM5UFnF5u4P2u6iYLPy3w5wi9BUNcmp6KNYHp9atfmX8c";
const std::string kModel(64, '7');
const std::string kSalt(64, 'a');

/// As docs/cluster.md has it.
const std::string kWhole = R"({
  "version": 1,
  "tenants": {
    "acme": {"salt": ")" + kSalt +
                           R"("},
    "beta": {"salt_file": "beta.salt"},
    "gamma": {}
  },
  "models": {"llama": ")" + kModel +
                           R"("},
  "groups": {"rack-1": [")" +
                           kPeer + R"("]},
  "grants": [
    // our own machines
    {"peers": ["rack-1"], "models": ["*"], "tenants": ["*"], "may": ["read", "write", "announce"]},
    {"peers": ["cluster"], "models": ["llama"], "tenants": ["acme", "none"], "may": ["read"]}
  ]
})";

TEST(ClusterFileTest, SaysWhoMayWhatForWhichModelAndTenant) {
  const auto policy = parse_cluster_file(kWhole);
  ASSERT_TRUE(policy) << policy.error().to_text("cluster");
  EXPECT_THAT(policy->tenants, SizeIs(3));
  EXPECT_EQ(policy->tenants.at("acme").salt, base::Bytes(32, 0xaa));
  EXPECT_EQ(policy->tenants.at("beta").salt_file, "beta.salt");
  EXPECT_TRUE(policy->has_salts);
  ASSERT_THAT(policy->grants, SizeIs(2));
  const Grant& ours = policy->grants[0];
  EXPECT_TRUE(ours.is_for(multiformats::PeerId::from_text(kPeer).value(), false));
  EXPECT_FALSE(ours.cluster_members);
  EXPECT_TRUE(ours.any_model && ours.any_tenant);
  EXPECT_EQ(ours.rights, 7);
  const Grant& others = policy->grants[1];
  EXPECT_TRUE(others.cluster_members && others.peers.empty());
  EXPECT_THAT(others.models, SizeIs(1));
  EXPECT_EQ(others.models.begin()->to_hex(), kModel);
  EXPECT_EQ(others.tenants, (std::set<std::string>{"acme", "none"}));
  EXPECT_EQ(others.rights, 1);
}

TEST(ClusterFileTest, NobodyMayAnythingWithoutGrants) {
  const auto policy = parse_cluster_file(R"({"version": 1, "grants": []})");
  ASSERT_TRUE(policy);
  EXPECT_FALSE(policy->admits(multiformats::PeerId::from_text(kPeer).value(), true));
}

/// The whole file with `part` replaced; what is wrong with it.
base::TextError mistake(std::string_view part, const std::string& by) {
  std::string text = kWhole;
  const std::size_t at = text.find(part);
  EXPECT_NE(at, std::string::npos) << part;
  text.replace(at, part.size(), by);
  const auto policy = parse_cluster_file(text);
  EXPECT_FALSE(policy) << by;
  return policy ? base::TextError() : policy.error();
}

TEST(ClusterFileTest, WhatIsWrongIsToldByItsLine) {
  EXPECT_EQ(mistake("\"version\": 1", "\"version\": 2").line, 2u);
  EXPECT_EQ(mistake("\"version\": 1", "\"version\": \"1\"").line, 2u);
  EXPECT_EQ(mistake("\"version\": 1,", "").line, 1u);
  EXPECT_EQ(mistake("\"version\"", "\"verison\"").line, 2u);
  EXPECT_EQ(mistake(kSalt, "abcd").line, 4u);
  EXPECT_EQ(mistake("\"salt\"", "\"sa1t\"").line, 4u);
  EXPECT_EQ(mistake("\"salt_file\": \"beta.salt\"", "\"salt\": \"" + kSalt + "\"").line, 5u) << "the same salt twice";
  EXPECT_EQ(mistake("beta.salt", "").line, 5u);
  EXPECT_EQ(mistake("{\"salt_file\": \"beta.salt\"}", "[]").line, 5u);
  EXPECT_EQ(mistake("\"gamma\"", "\"acme\"").line, 6u);
  EXPECT_EQ(mistake("\"gamma\"", "\"none\"").line, 6u);
  EXPECT_EQ(mistake("\"gamma\"", "\"with space\"").line, 6u);
  EXPECT_EQ(mistake(kModel, "77").line, 8u);
  EXPECT_EQ(mistake(kPeer, "12D3KooW").line, 9u);
  EXPECT_EQ(mistake("\"rack-1\": ", "\"cluster\": ").line, 9u);
  EXPECT_EQ(mistake("[\"rack-1\"]", "[\"rack-2\"]").line, 12u);
  EXPECT_EQ(mistake("[\"rack-1\"]", "[]").line, 12u);
  EXPECT_EQ(mistake("[\"rack-1\"]", "\"rack-1\"").line, 12u);
  EXPECT_EQ(mistake("[\"rack-1\"]", "[1]").line, 12u);
  EXPECT_EQ(mistake("\"announce\"", "\"delete\"").line, 12u);
  EXPECT_EQ(mistake("[\"llama\"]", "[\"mistral\"]").line, 13u);
  EXPECT_EQ(mistake("\"acme\", \"none\"", "\"delta\"").line, 13u);
  EXPECT_EQ(mistake(", \"may\": [\"read\"]}", "}").line, 13u);
  EXPECT_EQ(mistake("\"may\": [\"read\"]", "\"may\": [\"read\"], \"why\": []").line, 13u);
  EXPECT_FALSE(parse_cluster_file("[]"));
  EXPECT_FALSE(parse_cluster_file(R"({"version": 1})"));
  EXPECT_FALSE(parse_cluster_file(std::string(kClusterFileBytesMax + 1, ' ')));
}

TEST(TenantSaltTest, Is32To128HexDigits) {
  EXPECT_EQ(parse_tenant_salt(" " + std::string(32, 'F') + "\n").value(), base::Bytes(16, 0xff));
  EXPECT_EQ(parse_tenant_salt(std::string(128, '0'))->size(), 64u);
  for (const std::string& text : {std::string(), std::string(" \n"), std::string(31, '0'), std::string(33, '0'),
                                  std::string(30, '0'), std::string(130, '0'), std::string(31, '0') + "g"}) {
    EXPECT_FALSE(parse_tenant_salt(text)) << text;
  }
}

class LoadClusterFileTest : public ::testing::Test {
 protected:
  LoadClusterFileTest() {
    std::string pattern = (fs::temp_directory_path() / "kvp2p-cluster-file-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    write("cluster.json", kWhole, 0600);
    write("beta.salt", std::string(64, 'b') + "\n", 0600);
  }
  ~LoadClusterFileTest() override { fs::remove_all(folder_); }
  void write(const std::string& name, const std::string& content, mode_t mode) const {
    ASSERT_TRUE(base::write_small_file(folder_ / name, content, mode));
  }
  base::TextResult<std::shared_ptr<const ClusterPolicy>> load(const std::string& text = kWhole) const {
    return load_cluster_file(folder_ / "cluster.json", text);
  }
  fs::path folder_;
};

TEST_F(LoadClusterFileTest, SaltsInFilesOfTheirOwnAreRead) {
  const auto policy = load();
  ASSERT_TRUE(policy) << policy.error().to_text("cluster");
  EXPECT_EQ((*policy)->tenants.at("beta").salt, base::Bytes(32, 0xbb));
  EXPECT_TRUE((*policy)->tenants.at("gamma").salt.empty());
}

TEST_F(LoadClusterFileTest, FilesWithSecretsAreTheirOwnersAlone) {
  ASSERT_EQ(::chmod((folder_ / "cluster.json").c_str(), 0644), 0);
  EXPECT_THAT(load().error().message, HasSubstr("chmod 600"));
  EXPECT_TRUE(load(R"({"version": 1, "grants": []})")) << "no secrets";
  ASSERT_EQ(::chmod((folder_ / "cluster.json").c_str(), 0600), 0);
  ASSERT_EQ(::chmod((folder_ / "beta.salt").c_str(), 0640), 0);
  EXPECT_THAT(load().error().message, HasSubstr("beta"));
}

TEST_F(LoadClusterFileTest, SaltFilesThatAreNoneAreTold) {
  write("beta.salt", "secret", 0600);
  EXPECT_THAT(load().error().message, HasSubstr("hex digits"));
  write("beta.salt", kSalt, 0600);
  EXPECT_THAT(load().error().message, HasSubstr("same salt"));
  fs::remove(folder_ / "beta.salt");
  EXPECT_THAT(load().error().message, HasSubstr("cannot be read"));
}

TEST(ClusterPolicyTest, OnlyWhoIsGrantedSomethingElseIsNotTheSame) {
  const auto peer = multiformats::PeerId::from_text(kPeer).value();
  const auto other = multiformats::PeerId::from_public_key(multiformats::PrivateKey::generate().public_key());
  const ClusterPolicy before = parse_cluster_file(kWhole).value();
  ClusterPolicy after = before;
  after.grants[0].rights = 1;
  EXPECT_FALSE(same_for(before, after, peer));
  EXPECT_TRUE(same_for(before, after, other));
  after = before;
  after.grants[0].peers.insert(other);
  EXPECT_TRUE(same_for(before, after, peer));
  EXPECT_FALSE(same_for(before, after, other));
  after = before;
  after.grants[1].rights = 2;
  EXPECT_FALSE(same_for(before, after, other)) << "it may hold the key";
  after = before;
  after.tenants["acme"].salt[0] ^= 1;
  EXPECT_FALSE(same_for(before, after, other));
}

}  // namespace
}  // namespace kvp2p
