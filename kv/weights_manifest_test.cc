#include "kv/weights_manifest.h"

#include "kv/errors.h"
#include "kv/weights_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

namespace kvp2p {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

class WeightsManifestTest : public testing::Test {
 protected:
  WeightsManifestTest() {
    std::string name = testing::TempDir() + "weights_XXXXXX";
    folder_ = ::mkdtemp(name.data());
    fs::create_directory(model());
    write(model() / "a.safetensors", "first");
    write(model() / "b.safetensors", "second");
  }
  ~WeightsManifestTest() override { fs::remove_all(folder_); }

  fs::path model() const { return folder_ / "model"; }
  fs::path cache() const { return folder_ / "cache"; }
  fs::path cache_file() const { return cache() / "weights.json"; }
  std::string digest() const {
    const auto result = digest_of_weights(model(), cache());
    EXPECT_TRUE(result) << result.error().message();
    return result ? *result : "";
  }

  fs::path folder_;
};

// The worked example of docs/keys.md.
constexpr std::string_view kExample = "0f351f8e8e2629606e096509917eddd6ba231b275fb948a059042d910161b908";

TEST_F(WeightsManifestTest, TheDocumentsExampleNeverChanges) { EXPECT_EQ(digest(), kExample); }

TEST_F(WeightsManifestTest, NamesDoNotMatter) {
  fs::rename(model() / "a.safetensors", model() / "z.safetensors");
  write(model() / "config.json", "{}");
  EXPECT_EQ(digest(), kExample);
}

TEST_F(WeightsManifestTest, EveryByteMatters) {
  write(model() / "b.safetensors", "secone");
  EXPECT_NE(digest(), kExample);
}

TEST_F(WeightsManifestTest, AFileMoreOrLessMatters) {
  write(model() / "c.safetensors", "");
  EXPECT_NE(digest(), kExample);
  fs::remove(model() / "c.safetensors");
  fs::remove(model() / "b.safetensors");
  EXPECT_NE(digest(), kExample);
}

TEST_F(WeightsManifestTest, OneFormatOfWeightsIsTaken) {
  write(model() / "pytorch_model.bin", "other");
  write(model() / "model.gguf", "other");
  EXPECT_EQ(weight_files(model()).value(),
            (std::vector<fs::path>{model() / "a.safetensors", model() / "b.safetensors"}));
  fs::remove(model() / "a.safetensors");
  fs::remove(model() / "b.safetensors");
  EXPECT_EQ(weight_files(model()).value(), std::vector<fs::path>{model() / "model.gguf"});
  fs::remove(model() / "model.gguf");
  EXPECT_EQ(weight_files(model()).value(), std::vector<fs::path>{model() / "pytorch_model.bin"});
  fs::remove(model() / "pytorch_model.bin");
  EXPECT_EQ(weight_files(model()).error(), KvError::kNoWeights);
}

TEST_F(WeightsManifestTest, LinksAreFollowed) {
  fs::create_directory(folder_ / "linked");
  for (const char* name : {"a.safetensors", "b.safetensors"}) {
    fs::create_symlink(model() / name, folder_ / "linked" / name);
  }
  EXPECT_EQ(digest_of_weights(folder_ / "linked", cache()).value(), kExample);
}

TEST_F(WeightsManifestTest, WhatCannotBeReadIsAnError) {
  EXPECT_EQ(digest_of_weights(folder_ / "nowhere", cache()).error(), KvError::kWeightsUnreadable);
  fs::create_directory(model() / "c.safetensors");
  EXPECT_EQ(digest_of_weights(model(), cache()).error(), KvError::kWeightsUnreadable) << "a folder named like weights";
  EXPECT_EQ(digest_of_weight_files({}, cache()).error(), KvError::kNoWeights);
}

TEST_F(WeightsManifestTest, AKnownFileIsNotHashedAgain) {
  EXPECT_EQ(digest(), kExample);
  // A digest planted in the cache is believed, so the files were not read.
  std::string text = read(cache_file());
  const std::string first = "a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e";
  ASSERT_NE(text.find(first), std::string::npos);
  replace_all(text, first, std::string(64, '0'));
  write(cache_file(), text);
  EXPECT_NE(digest(), kExample);
}

TEST_F(WeightsManifestTest, AFileThatChangedIsHashedAgain) {
  EXPECT_EQ(digest(), kExample);
  struct stat before;
  ASSERT_EQ(::stat((model() / "a.safetensors").c_str(), &before), 0);
  // Same size, same inode, and the modification time set back: only the change time tells.
  FileIdentity same = FileIdentity::of(before);
  struct stat after;
  do {
    write(model() / "a.safetensors", "fIrst");
    const timespec times[2] = {before.st_atim, before.st_mtim};
    ASSERT_EQ(::utimensat(AT_FDCWD, (model() / "a.safetensors").c_str(), times, 0), 0);
    ASSERT_EQ(::stat((model() / "a.safetensors").c_str(), &after), 0);
  } while (FileIdentity::of(after) == same);  // the kernel's clock ticks every few milliseconds
  EXPECT_EQ(FileIdentity::of(after).mtime_ns, same.mtime_ns);
  EXPECT_NE(digest(), kExample);
}

TEST_F(WeightsManifestTest, ACorruptCacheIsIgnoredAndReplaced) {
  EXPECT_EQ(digest(), kExample);
  const std::string good = read(cache_file());
  std::string other_version = good;
  replace_all(other_version, "\"version\": 1", "\"version\": 2");
  std::string bad_digest = good;
  replace_all(bad_digest, "\"sha256\": \"", "\"sha256\": \"x");
  std::string bad_number = good;
  replace_all(bad_number, "\"inode\": ", "\"inode\": -0.5e");
  const std::string cases[] = {"",
                               "{",
                               "[]",
                               "null",
                               "{\"version\": 1}",
                               "{\"version\": 1, \"files\": [3]}",
                               "\xff\xfe",
                               good.substr(0, good.size() / 2),
                               other_version,
                               bad_digest,
                               bad_number,
                               std::string(100'000, '[')};
  for (const std::string& text : cases) {
    write(cache_file(), text);
    EXPECT_EQ(digest(), kExample) << text.substr(0, 200);
    EXPECT_EQ(read(cache_file()), good);
  }
}

TEST_F(WeightsManifestTest, FilesThatAreGoneLeaveTheCache) {
  EXPECT_EQ(digest(), kExample);
  fs::remove(model() / "b.safetensors");
  write(model() / "c.safetensors", "third");
  digest();
  const std::string text = read(cache_file());
  EXPECT_EQ(text.find("b.safetensors"), std::string::npos);
  EXPECT_NE(text.find("c.safetensors"), std::string::npos);
  EXPECT_EQ(std::distance(fs::directory_iterator(cache()), {}), 1) << "no temporary file is left";
}

TEST_F(WeightsManifestTest, ACacheThatCannotBeWrittenOnlyCostsTime) {
  write(folder_ / "file", "x");
  EXPECT_EQ(digest_of_weights(model(), folder_ / "file" / "cache").value(), kExample);
  EXPECT_EQ(digest_of_weights(model(), {}).value(), kExample);
  EXPECT_FALSE(fs::exists("weights.json")) << "an empty folder name is no cache";
}

}  // namespace
}  // namespace kvp2p
