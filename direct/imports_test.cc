// What a client gives its connector to open and to close: exports of many pieces, and closes that take their time.
#include "direct/limits.h"
#include "direct/testing/direct_pair.h"
#include "direct/testing/scripted_connector.h"

#include <sys/mman.h>

#include <condition_variable>
#include <mutex>

namespace kvp2p::testing {
namespace {

constexpr RegionId kRegion{7};

/// Both nodes over connectors that the test speaks for.
class ImportsTest : public DirectPairTest {
 protected:
  ImportsTest() {
    server.reset();
    client = DirectClient::create(context.get_executor(), clock, reader_);
    owner_.on_export = [this](RegionId) { return exported(); };
  }
  ~ImportsTest() override {
    let_close();
    client.reset();
    server.reset();
  }

  std::unique_ptr<DirectServer> start_server() {
    auto started = *DirectServer::start(context.get_executor(), clock, owner_);
    started->add_region(kRegion, layout.layout.slots());
    return started;
  }
  RegionExport exported() const {
    RegionExport made;
    made.kind = ExportKind::kCudaIpc;
    made.layout = layout.layout;
    made.bytes = layout.region_bytes;
    made.pieces.resize(1);
    made.pieces[0].bytes = layout.region_bytes;
    made.pieces[0].handle.fill(5);
    return made;
  }
  /// Closes wait until let_close().
  void hold_closes() {
    reader_.on_close = [this](ImportId) {
      std::unique_lock lock(mutex_);
      ++closing_;
      changed_.notify_all();
      changed_.wait(lock, [this] { return may_close_; });
    };
  }
  void let_close() {
    std::lock_guard lock(mutex_);
    may_close_ = true;
    changed_.notify_all();
  }
  bool is_closing() {
    std::lock_guard lock(mutex_);
    return closing_ > 0;
  }
  /// A session with its region open. The region's export is sent once it has been made: perhaps after the opening.
  void open_region(DirectServer& at) {
    ASSERT_TRUE(open(at.issue_ticket(reader_id)));
    until([&] { return at.is_open_at(reader_id, kRegion); });
  }

  ScriptedConnector owner_, reader_;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int closing_ = 0;
  bool may_close_ = false;
};

TEST_F(ImportsTest, ARegionOfManyPiecesArrivesWhole) {
  constexpr std::size_t kPieces = 300;  // more descriptors than one message takes
  static_assert(kPieces > 2 * kDirectPiecesPerMessage);
  owner_.on_export = [&](RegionId) -> base::Result<RegionExport> {
    RegionExport made = exported();
    made.kind = ExportKind::kCudaVirtual;
    made.device.fill(9);
    made.address = 0x7f0000000000;
    made.offset = 17;
    made.pieces.clear();
    for (std::size_t i = 0; i < kPieces; ++i) {
      ExportPiece& piece = made.pieces.emplace_back();
      piece.fd.reset(::memfd_create("piece", MFD_CLOEXEC));
      piece.bytes = 1000 + i;
      const std::uint64_t content = 5000 + i;
      EXPECT_EQ(::pwrite(piece.fd.get(), &content, sizeof content, 0), static_cast<ssize_t>(sizeof content));
    }
    return made;
  };
  std::promise<RegionExport> arrived;
  reader_.on_import = [&](RegionExport made) -> base::Result<ImportId> {
    arrived.set_value(std::move(made));
    return ImportId{1};
  };
  server = start_server();
  ASSERT_NO_FATAL_FAILURE(open_region(*server));
  const RegionExport got = arrived.get_future().get();
  EXPECT_EQ(got.kind, ExportKind::kCudaVirtual);
  EXPECT_EQ(got.device, DeviceUuid({9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9}));
  EXPECT_EQ(got.address, 0x7f0000000000u);
  EXPECT_EQ(got.offset, 17u);
  EXPECT_EQ(got.bytes, layout.region_bytes);
  EXPECT_EQ(got.layout.block_stride, layout.layout.block_stride);
  ASSERT_EQ(got.pieces.size(), kPieces);
  for (std::size_t i = 0; i < kPieces; ++i) {
    std::uint64_t content = 0;
    EXPECT_EQ(got.pieces[i].bytes, 1000 + i);
    ASSERT_EQ(::pread(got.pieces[i].fd.get(), &content, sizeof content, 0), static_cast<ssize_t>(sizeof content)) << i;
    EXPECT_EQ(content, 5000 + i);
  }
}

TEST_F(ImportsTest, HandlesArriveWithoutDescriptors) {
  std::promise<RegionExport> arrived;
  reader_.on_import = [&](RegionExport made) -> base::Result<ImportId> {
    arrived.set_value(std::move(made));
    return ImportId{1};
  };
  server = start_server();
  ASSERT_NO_FATAL_FAILURE(open_region(*server));
  const RegionExport got = arrived.get_future().get();
  ASSERT_EQ(got.pieces.size(), 1u);
  EXPECT_EQ(got.pieces[0].handle[63], 5);
  EXPECT_FALSE(got.pieces[0].fd);
}

TEST_F(ImportsTest, ACloseThatTakesItsTimeHoldsUpNobodyElse) {
  hold_closes();
  server = start_server();
  ASSERT_NO_FATAL_FAILURE(open_region(*server));
  client->forget(owner_id);
  until([&] { return is_closing(); });
  auto other = start_server();
  ASSERT_NO_FATAL_FAILURE(open_region(*other));
  EXPECT_TRUE(client->find(owner_id, static_cast<std::uint64_t>(kRegion)));
  let_close();
}

TEST_F(ImportsTest, NothingIsOpenedWhileTooMuchWaitsToBeClosed) {
  hold_closes();
  server = start_server();
  ASSERT_NO_FATAL_FAILURE(open_region(*server));
  client->forget(owner_id);
  until([&] { return is_closing(); });
  for (std::size_t i = 0; i < kDirectClosesMax; ++i) ASSERT_NO_FATAL_FAILURE(open_region(*server));
  ASSERT_TRUE(open());  // the one before it is the last that fits
  const auto reason = [&] { return client->why_not(owner_id, static_cast<std::uint64_t>(kRegion)); };
  until([&] { return reason().find("wait to be closed") != std::string::npos; });
  EXPECT_FALSE(client->find(owner_id, static_cast<std::uint64_t>(kRegion)));
  let_close();
  until([&] {
    EXPECT_TRUE(open());
    return server->is_open_at(reader_id, kRegion);
  });
}

}  // namespace
}  // namespace kvp2p::testing
