#include "base/small_file.h"

#include "base/text_lines.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace base {
namespace {

namespace fs = std::filesystem;

class SmallFileTest : public ::testing::Test {
 protected:
  SmallFileTest() {
    std::string pattern = (fs::temp_directory_path() / "kvp2p-small-file-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~SmallFileTest() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(SmallFileTest, WhatIsWrittenIsReadAndNothingIsLeftBeside) {
  const fs::path path = folder_ / "file";
  ASSERT_TRUE(write_small_file(path, "one", 0600));
  ASSERT_TRUE(write_small_file(path, std::string(100'000, 'x'), 0600));
  EXPECT_EQ(read_small_file(path, 100'000).value(), std::string(100'000, 'x'));
  struct stat status;
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

TEST_F(SmallFileTest, MoreThanTheBoundIsAnError) {
  const fs::path path = folder_ / "file";
  ASSERT_TRUE(write_small_file(path, "12345", 0600));
  EXPECT_EQ(read_small_file(path, 5).value(), "12345");
  EXPECT_EQ(read_small_file(path, 4).error(), boost::system::errc::file_too_large);
}

TEST_F(SmallFileTest, WhatIsNoFileIsAnError) {
  EXPECT_EQ(read_small_file(folder_ / "none", 5).error(), boost::system::errc::no_such_file_or_directory);
  EXPECT_EQ(read_small_file(folder_, 5).error(), boost::system::errc::not_supported);
  EXPECT_EQ(read_small_file("/dev/zero", 5).error(), boost::system::errc::not_supported);
  EXPECT_FALSE(write_small_file(folder_ / "none" / "file", "", 0600));
  ASSERT_TRUE(fs::create_directory(folder_ / "folder"));
  EXPECT_FALSE(write_small_file(folder_ / "folder", "", 0600));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

TEST_F(SmallFileTest, ANewContentIsAnotherState) {
  const fs::path path = folder_ / "file";
  EXPECT_FALSE(state_of_file(path));
  ASSERT_TRUE(write_small_file(path, "1", 0600));
  const FileState first = state_of_file(path).value();
  EXPECT_EQ(state_of_file(path).value(), first);
  ASSERT_TRUE(write_small_file(path, "2", 0600));
  EXPECT_NE(state_of_file(path).value(), first);
}

TEST(TextLinesTest, CommentsAndEmptyLinesAreLeftOut) {
  TextLines lines("# a comment\n\n  one \t\r\n\ttwo # and why\n#\nthree");
  ASSERT_TRUE(lines.next());
  EXPECT_EQ(lines.content(), "one");
  EXPECT_EQ(lines.number(), 3u);
  ASSERT_TRUE(lines.next());
  EXPECT_EQ(lines.content(), "two");
  ASSERT_TRUE(lines.next());
  EXPECT_EQ(lines.content(), "three");
  EXPECT_EQ(lines.number(), 6u);
  EXPECT_FALSE(lines.next());
  EXPECT_FALSE(TextLines("").next());
  EXPECT_FALSE(TextLines("# only\n \n").next());
}

}  // namespace
}  // namespace base
