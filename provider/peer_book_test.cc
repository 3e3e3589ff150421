#include "provider/peer_book.h"

#include "base/small_file.h"
#include "base/testing/captured_log.h"
#include "libp2p/host/host_fixture.h"
#include "wire/limits.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using libp2p::Host;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PeerBookTest : public libp2p::HostTimeTest {
 protected:
  PeerBookTest() {
    std::string pattern = (fs::temp_directory_path() / "kvp2p-peer-book-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    file_ = folder_ / "known-peers.txt";
  }
  ~PeerBookTest() override { fs::remove_all(folder_); }
  void TearDown() override {
    book_.reset();
    libp2p::HostTimeTest::TearDown();
  }
  void open() {
    book_.emplace(
        clock_, *client_, [this] { return now_; }, file_);
  }
  Host& add_kv_server() {
    Host& server = add_host();
    server.set_stream_handler(std::string(wire::kProtocolId), libp2p::echo);
    listen(server);
    return server;
  }

  fs::path folder_, file_;
  libp2p::UnixTime now_{1'764'500'000s};
  Host* client_ = &add_host();
  std::optional<PeerBook> book_;
};

TEST_F(PeerBookTest, RemembersWhomItWasConnectedToAndWhatTheyServe) {
  Host& server = add_kv_server();
  open();
  EXPECT_FALSE(book_->is_kv_peer(server.peer_id()));
  connect(*client_, server);
  settle();
  EXPECT_TRUE(book_->is_kv_peer(server.peer_id()));
  EXPECT_THAT(book_->addresses_of(server.peer_id()), Contains(server.addresses().front()));
  EXPECT_FALSE(book_->peers().find(server.peer_id())->signed_record.empty());
}

TEST_F(PeerBookTest, WhatItKnewIsThereAtTheNextStart) {
  Host& server = add_kv_server();
  open();
  connect(*client_, server);
  settle();
  const libp2p::KnownPeer before = *book_->peers().find(server.peer_id());
  book_.reset();
  struct stat status;
  ASSERT_EQ(::stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  open();
  ASSERT_NE(book_->peers().find(server.peer_id()), nullptr);
  EXPECT_EQ(*book_->peers().find(server.peer_id()), before);
  EXPECT_THAT(book_->last_kv_peers(10), ElementsAre(server.peer_id()));
  now_ += 30 * 24h;
  book_.reset();
  open();
  EXPECT_THAT(book_->last_kv_peers(10), IsEmpty());
}

TEST_F(PeerBookTest, IsOnDiskAWhileAfterAChange) {
  open();
  book_->heard(add_kv_server().peer_id(), {libp2p::address("/ip4/192.0.2.7/tcp/1")});
  clock_.advance(kPeerBookSaveTime);
  while (!fs::exists(file_)) std::this_thread::sleep_for(1ms);
  EXPECT_THAT(base::read_small_file(file_, 1 << 20).value(), HasSubstr("/ip4/192.0.2.7/tcp/1"));
}

TEST_F(PeerBookTest, AFileThatIsNoGoodIsPutAsideAndSaidSo) {
  for (const std::string content : {"garbage", "kv-cache-p2p peers 1\npeer nobody -\nend 1\n", ""}) {
    ASSERT_TRUE(base::write_small_file(file_, content, 0600));
    base::testing::CapturedLog log;
    open();
    EXPECT_EQ(book_->peers().size(), 0u);
    EXPECT_THAT(log.text(), HasSubstr(file_.string() + ":"));
    EXPECT_EQ(base::read_small_file(file_.string() + ".bad", 1 << 20).value(), content);
    book_.reset();
    EXPECT_TRUE(fs::exists(file_)) << "and a good one is written";
  }
}

TEST_F(PeerBookTest, AFolderInItsPlaceIsSurvived) {
  fs::create_directory(file_);
  base::testing::CapturedLog log;
  open();
  EXPECT_EQ(book_->peers().size(), 0u);
  EXPECT_THAT(log.text(), HasSubstr(file_.string()));
}

}  // namespace
}  // namespace kvp2p
