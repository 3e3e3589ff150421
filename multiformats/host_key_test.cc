#include "multiformats/host_key.h"

#include "multiformats/errors.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <fstream>
#include <thread>

namespace multiformats {
namespace {

namespace fs = std::filesystem;

class HostKeyTest : public testing::Test {
 protected:
  HostKeyTest() {
    std::string name = testing::TempDir() + "host_key_XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~HostKeyTest() override { fs::remove_all(folder_); }

  static mode_t mode_of(const fs::path& path) {
    struct stat status;
    return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 0777 : 0;
  }

  fs::path folder_;
};

TEST_F(HostKeyTest, AKeyIsMadeOnceAndFoundAgain) {
  const fs::path path = folder_ / "config" / "kvp2p" / "host.key";
  const auto made = load_or_create_host_key(path);
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(mode_of(path), 0600u);
  EXPECT_EQ(mode_of(path.parent_path()), 0700u);
  const auto found = load_or_create_host_key(path);
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->to_protobuf(), made->to_protobuf());
  EXPECT_EQ(std::distance(fs::directory_iterator(path.parent_path()), {}), 1) << "no temporary file is left";
}

TEST_F(HostKeyTest, AKeyThatOthersMayReadIsRefused) {
  const fs::path path = folder_ / "host.key";
  ASSERT_TRUE(load_or_create_host_key(path));
  for (mode_t mode : {0640, 0604, 0620, 0601}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    const auto key = load_or_create_host_key(path);
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error(), Errc::kKeyFileReadableByOthers);
    EXPECT_NE(key.error().message().find("chmod 600"), std::string::npos);
  }
  ASSERT_EQ(::chmod(path.c_str(), 0400), 0);
  EXPECT_TRUE(load_or_create_host_key(path));
}

TEST_F(HostKeyTest, ThoseWhoStartTogetherGetTheSameKey) {
  const fs::path path = folder_ / "new" / "host.key";
  std::vector<base::Bytes> keys(8);
  {
    std::vector<std::jthread> threads;
    for (auto& key : keys) {
      threads.emplace_back([&key, &path] {
        if (auto loaded = load_or_create_host_key(path)) key = loaded->to_protobuf();
      });
    }
  }
  EXPECT_FALSE(keys[0].empty());
  for (const auto& key : keys) EXPECT_EQ(key, keys[0]);
}

TEST_F(HostKeyTest, DamagedFilesAreReportedAndKept) {
  const fs::path path = folder_ / "host.key";
  for (const std::string& content : std::vector<std::string>{"", "not a key", std::string(100'000, 'x')}) {
    std::ofstream(path) << content;
    ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
    EXPECT_EQ(load_or_create_host_key(path).error(), Errc::kKeyFileCorrupt);
    EXPECT_EQ(fs::file_size(path), content.size());
  }
}

TEST_F(HostKeyTest, WhatIsNoRegularFileIsRefusedWithoutHanging) {
  EXPECT_EQ(load_or_create_host_key(folder_).error(), Errc::kKeyFileNotRegular);
  const fs::path pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(load_or_create_host_key(pipe).error(), Errc::kKeyFileNotRegular);
  const fs::path dangling = folder_ / "dangling";
  fs::create_symlink(folder_ / "nowhere", dangling);
  EXPECT_EQ(load_or_create_host_key(dangling).error(), Errc::kKeyFileUnreadable);
}

TEST_F(HostKeyTest, AFolderThatCannotBeMadeIsReported) {
  std::ofstream(folder_ / "file") << "x";
  EXPECT_FALSE(load_or_create_host_key(folder_ / "file" / "host.key"));
}

}  // namespace
}  // namespace multiformats
