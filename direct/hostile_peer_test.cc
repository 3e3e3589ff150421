// Owners and readers that speak the protocol by hand: wrongly, not at all, or until they are killed.
#include "direct/error.h"
#include "direct/generations.h"
#include "direct/limits.h"
#include "direct/packet_link.h"
#include "direct/read_marks.h"
#include "direct/testing/direct_pair.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <csignal>

namespace kvp2p::testing {
namespace {

using namespace direct;
using namespace std::chrono_literals;

base::UniqueFd sealed(std::size_t bytes, int seals = F_SEAL_SHRINK | F_SEAL_GROW) {
  base::UniqueFd fd(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(::ftruncate(fd.get(), static_cast<off_t>(bytes)), 0);
  if (seals != 0) {
    EXPECT_EQ(::fcntl(fd.get(), F_ADD_SEALS, seals), 0);
  }
  return fd;
}

class HostilePeerTest : public DirectPairTest {
 protected:
  /// Accepts the client and does `act` with the link, on a thread of its own.
  base::Result<> open_at(const std::function<void(PacketLink&)>& act) {
    base::UniqueFd listener = *listen_at(name_, 4);
    auto owner_side = std::async(std::launch::async, [&] {
      base::UniqueFd fd;
      until([&] { return static_cast<bool>(fd = accept_one(listener.get())); });
      PacketLink link(std::move(fd));
      act(link);
      // Until the client has had enough, or has been answered.
      Message message;
      std::vector<base::UniqueFd> descriptors;
      until([&] { return answered_ || link.receive(message, descriptors) == PacketLink::Received::kEnd; });
    });
    auto outcome = open({name_, {}});
    answered_ = true;
    owner_side.get();
    answered_ = false;
    return outcome;
  }
  Region good_region() const {
    RegionExport exported;
    exported.bytes = layout.region_bytes;
    exported.layout = layout.layout;
    exported.pieces.resize(1);
    return describe_export(exported, 7, layout.layout.slots());
  }
  /// Welcomes the client and hands over one region.
  base::Result<> hand_over(const Region& region, base::UniqueFd generations, base::UniqueFd memory,
                           std::size_t marks_bytes = 4096) {
    return open_at([&](PacketLink& link) {
      const base::UniqueFd marks = sealed(marks_bytes);
      link.send(Welcome{}, {marks.get()});
      link.send(region, {generations.get()});
      link.send(Pieces{{{{}, layout.region_bytes, true}}}, {memory.get()});
      link.send(AllSent{});
      link.send(Settled{});
    });
  }
  std::string why_not() { return client->why_not(owner_id, 7); }

  const std::string name_ = "kv-cache-p2p-test-" + std::to_string(::getpid());
  std::atomic<bool> answered_{false};
};

TEST_F(HostilePeerTest, AHandOverByHandWorks) {
  ASSERT_TRUE(hand_over(good_region(), sealed(4096), sealed(layout.region_bytes)));
  until([&] { return client->find(owner_id, 7) == nullptr; });  // the owner is gone
}

TEST_F(HostilePeerTest, MemoryThatCouldShrinkIsNotMapped) {
  bool found = true;
  const auto not_opened = [&](Region region, base::UniqueFd generations, base::UniqueFd memory) {
    found = false;
    open_at([&](PacketLink& link) {
      const base::UniqueFd marks = sealed(4096);
      link.send(Welcome{}, {marks.get()});
      link.send(region, {generations.get()});
      link.send(Pieces{{{{}, layout.region_bytes, true}}}, {memory.get()});
      Message message;
      std::vector<base::UniqueFd> descriptors;
      until([&] {
        return link.receive(message, descriptors) == PacketLink::Received::kMessage &&
               !std::holds_alternative<Hello>(message);
      });
      found = std::holds_alternative<Opened>(message);
      link.end();
    });
    return !found;
  };
  EXPECT_FALSE(not_opened(good_region(), sealed(4096), sealed(layout.region_bytes)));
  EXPECT_TRUE(not_opened(good_region(), sealed(4096, 0), sealed(layout.region_bytes))) << "generations";
  EXPECT_TRUE(not_opened(good_region(), sealed(8), sealed(layout.region_bytes))) << "short generations";
  EXPECT_TRUE(not_opened(good_region(), sealed(4096), sealed(layout.region_bytes, 0))) << "memory";
  EXPECT_TRUE(not_opened(good_region(), sealed(4096), sealed(layout.region_bytes - 1))) << "short memory";
  Region region = good_region();
  region.block_stride *= 1000;
  EXPECT_TRUE(not_opened(region, sealed(4096), sealed(layout.region_bytes))) << "layout out of bounds";
  region = good_region();
  region.slots -= 1;
  EXPECT_TRUE(not_opened(region, sealed(4096), sealed(layout.region_bytes))) << "fewer generations than slots";
  region = good_region();
  region.kind = ExportKind::kCudaIpc;
  EXPECT_TRUE(not_opened(region, sealed(4096), sealed(layout.region_bytes))) << "another kind";
  region = good_region();
  region.offset = UINT64_MAX - 10;
  EXPECT_TRUE(not_opened(region, sealed(4096), sealed(layout.region_bytes))) << "offset overflows";
}

TEST_F(HostilePeerTest, OwnersThatBreakTheProtocolAreLeft) {
  const auto left = [&](const std::function<void(PacketLink&)>& act) { return open_at(act).has_error(); };
  const base::UniqueFd marks = sealed(4096);
  const base::UniqueFd unsealed = sealed(4096, 0);
  EXPECT_TRUE(left([](PacketLink& link) { link.send(AllSent{}); })) << "no welcome";
  EXPECT_TRUE(left([](PacketLink& link) { link.send(Welcome{}); })) << "no marks";
  EXPECT_TRUE(left([&](PacketLink& link) { link.send(Welcome{}, {unsealed.get()}); })) << "marks that can shrink";
  EXPECT_TRUE(left([&](PacketLink& link) { link.send(Welcome{}, {marks.get(), marks.get()}); }));
  EXPECT_TRUE(left([&](PacketLink& link) {
    link.send(Welcome{}, {marks.get()});
    link.send(AllSent{}, {marks.get()});
  })) << "a descriptor too many";
  EXPECT_TRUE(left([&](PacketLink& link) {
    link.send(Welcome{}, {marks.get()});
    link.send(Settled{});
  })) << "settled before all was sent";
  EXPECT_TRUE(left([&](PacketLink& link) {
    link.send(Welcome{}, {marks.get()});
    link.send(AllSent{});
    link.send(AllSent{});
  })) << "all sent twice";
  EXPECT_TRUE(left([&](PacketLink& link) {
    link.send(Welcome{}, {marks.get()});
    link.send(Pieces{{Piece{}}});
  })) << "pieces of no region";
  EXPECT_TRUE(left([&](PacketLink& link) {
    link.send(Welcome{}, {marks.get()});
    link.send(good_region(), {marks.get()});
    link.send(Pieces{{Piece{{}, 1, true}}});
  })) << "a piece without its descriptor";
  EXPECT_TRUE(left([&](PacketLink& link) {
    link.send(Welcome{}, {marks.get()});
    link.send(TakenBack{99});
  }));
  EXPECT_TRUE(left([](PacketLink& link) { send_packet(link.fd(), base::as_bytes("garbage"), {}); }));
  EXPECT_TRUE(left([](PacketLink& link) { link.end(); }));
}

TEST_F(HostilePeerTest, AnOwnerThatSaysNothingIsATimeout) {
  base::UniqueFd listener = *listen_at(name_, 4);
  auto outcome = std::async(std::launch::async, [&] { return open({name_, {}}); });
  base::UniqueFd fd;
  until([&] { return static_cast<bool>(fd = accept_one(listener.get())); });
  clock.advance(10s);
  EXPECT_EQ(outcome.get().error(), DirectError::kTimeout);
}

TEST_F(HostilePeerTest, ReadersThatBreakTheProtocolAreLeft) {
  const RegionId region = add_owned_region();
  const auto left = [&](const std::vector<Message>& messages) {
    const DirectTicket ticket = server->issue_ticket(reader_id);
    PacketLink link(*connect_to(ticket.socket_name));
    link.send(Hello{1, ticket.nonce});
    for (const auto& message : messages) link.send(message);
    const auto end = std::chrono::steady_clock::now() + 60s;
    while (link.is_alive() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    return !link.is_alive();
  };
  EXPECT_TRUE(left({Opened{99}}));
  EXPECT_TRUE(left({Closed{99, ""}}));
  EXPECT_TRUE(left({Hello{}})) << "twice";
  EXPECT_TRUE(left({TakenBack{1}}));
  EXPECT_TRUE(left({AllSent{}}));
  EXPECT_TRUE(left({Settled{}, Settled{}}));
  ASSERT_TRUE(open()) << "others are served";
  EXPECT_TRUE(client->find(owner_id, static_cast<std::uint64_t>(region)));
}

TEST_F(HostilePeerTest, AReaderThatIsKilledHoldsUpNobody) {
  const RegionId region = add_owned_region();
  const DirectTicket ticket = server->issue_ticket(reader_id);
  const pid_t child = ::fork();
  if (child == 0) {
    // Only system calls: threads do not survive a fork. It says hello, marks a read and never ends it.
    base::UniqueFd fd = *connect_to(ticket.socket_name);
    send_packet(fd.get(), encode(Hello{1, ticket.nonce}), {});
    Packet packet;
    while (receive_packet(fd.get(), packet) != ReceiveOutcome::kPacket) ::usleep(100);
    auto marks = MarkSet::open(packet.descriptors.at(0).get());
    marks->begin();
    for (;;) ::pause();
  }
  const Slot slots[] = {0};
  until([&] {
    server->raise(region, slots);
    return server->has_old_reads();
  });
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(server->wait_readers(base::TimePoint::max()));
  EXPECT_FALSE(server->has_old_reads());
}

TEST_F(HostilePeerTest, AnotherUserIsRefused) {
  if (::geteuid() != 0) {
    EXPECT_NE(::geteuid(), 0u) << "only root can become another user here";
    return;
  }
  const DirectTicket ticket = server->issue_ticket(reader_id);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setuid(65534) != 0) ::_exit(2);
    base::UniqueFd fd = *connect_to(ticket.socket_name);
    send_packet(fd.get(), encode(Hello{1, ticket.nonce}), {});
    Packet packet;
    ReceiveOutcome outcome;
    while ((outcome = receive_packet(fd.get(), packet)) == ReceiveOutcome::kNothing) ::usleep(100);
    if (outcome != ReceiveOutcome::kPacket) ::_exit(3);
    auto message = decode(packet.bytes);
    const auto* refused = message ? std::get_if<Refused>(&*message) : nullptr;
    ::_exit(refused != nullptr && refused->reason.find("65534") != std::string::npos ? 0 : 4);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace kvp2p::testing
