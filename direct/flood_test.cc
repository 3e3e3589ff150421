// Peers that send more than they should, or die at the worst moment.
#include "direct/error.h"
#include "direct/limits.h"
#include "direct/packet_link.h"
#include "direct/testing/direct_pair.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <fstream>

namespace kvp2p::testing {
namespace {

using namespace direct;
using namespace std::chrono_literals;

std::size_t descriptors() {
  std::size_t entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++entries;
  return entries;
}

std::size_t mappings_of_memfds() {
  std::ifstream maps("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) count += line.find("/memfd:") != std::string::npos ? 1 : 0;
  return count;
}

base::UniqueFd sealed(std::size_t bytes) {
  base::UniqueFd fd(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(::ftruncate(fd.get(), static_cast<off_t>(bytes)), 0);
  EXPECT_EQ(::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
  return fd;
}

class FloodTest : public DirectPairTest {
 protected:
  /// What a good owner sends first, as packets and descriptors that live as long as this.
  struct Packets {
    base::Bytes welcome = encode(Welcome{});
    base::Bytes region;
    base::Bytes pieces;
    base::Bytes all_sent = encode(AllSent{});
    base::Bytes settled = encode(Settled{});
    base::Bytes taken_back = encode(TakenBack{7});
    base::UniqueFd marks = sealed(4096);
    base::UniqueFd generations = sealed(4096);
    base::UniqueFd memory;
  };
  Packets packets() const {
    Packets made;
    made.memory = sealed(layout.region_bytes);
    const std::vector<std::uint64_t> ones(layout.layout.slots(), 1);
    EXPECT_EQ(::pwrite(made.generations.get(), ones.data(), ones.size() * 8, 0), static_cast<ssize_t>(ones.size() * 8));
    RegionExport exported;
    exported.bytes = layout.region_bytes;
    exported.layout = layout.layout;
    exported.pieces.resize(1);
    made.region = encode(describe_export(exported, 7, layout.layout.slots()));
    made.pieces = encode(Pieces{{{{}, layout.region_bytes, true}}});
    return made;
  }
  /// Until it is taken; false if the other end is gone.
  static bool send(int fd, const base::Bytes& packet, const std::vector<int>& with = {}) {
    for (;;) {
      const SendOutcome outcome = send_packet(fd, packet, with);
      if (outcome == SendOutcome::kSent) return true;
      if (outcome == SendOutcome::kBroken) return false;
      ::usleep(100);
    }
  }
  const std::string name_ = "kv-cache-p2p-flood-" + std::to_string(::getpid());
};

TEST_F(FloodTest, AnOwnerThatAsksAndNeverListensIsLeft) {
  const Packets with = packets();
  const std::size_t mappings = mappings_of_memfds();
  base::UniqueFd listener = *listen_at(name_, 4);
  auto rounds = std::async(std::launch::async, [&] {
    base::UniqueFd fd;
    until([&] { return static_cast<bool>(fd = accept_one(listener.get())); });
    send(fd.get(), with.welcome, {with.marks.get()});
    send(fd.get(), with.all_sent);
    send(fd.get(), with.settled);
    int done = 0;
    while (send(fd.get(), with.region, {with.generations.get()}) && send(fd.get(), with.pieces, {with.memory.get()}) &&
           send(fd.get(), with.taken_back)) {
      ++done;
    }
    return done;
  });
  ASSERT_TRUE(open({name_, {}}));
  EXPECT_LT(rounds.get(), 20'000) << "it would have gone on for ever";
  until([&] { return !client->has_session(owner_id); });
  until([&] { return mappings_of_memfds() <= mappings; });
  add_owned_region();
  EXPECT_TRUE(open()) << "others are served";
}

TEST_F(FloodTest, AnOwnerOfTooManyRegionsIsLeft) {
  const Packets with = packets();
  base::UniqueFd listener = *listen_at(name_, 4);
  auto sent = std::async(std::launch::async, [&] {
    base::UniqueFd fd;
    until([&] { return static_cast<bool>(fd = accept_one(listener.get())); });
    send(fd.get(), with.welcome, {with.marks.get()});
    RegionExport exported;
    exported.bytes = layout.region_bytes;
    exported.layout = layout.layout;
    exported.pieces.resize(1);
    std::uint64_t id = 0;
    while (id < 10 * kDirectRegionsMax &&
           send(fd.get(), encode(describe_export(exported, ++id, layout.layout.slots())), {with.generations.get()}) &&
           send(fd.get(), with.pieces, {with.memory.get()})) {
    }
    // Nothing more is said, nor need it be.
    until([&] { return is_hung_up(fd.get()); });
  });
  EXPECT_TRUE(open({name_, {}}).has_error());
  sent.get();
  EXPECT_FALSE(client->has_session(owner_id));
}

TEST_F(FloodTest, ConnectionsThatSayNothingAreFewAndNotForLong) {
  const std::size_t before = descriptors();
  const DirectTicket ticket = server->issue_ticket(reader_id);
  std::vector<base::UniqueFd> strangers;
  const auto alive = [&] {
    return std::count_if(strangers.begin(), strangers.end(), [](const auto& fd) { return !is_hung_up(fd.get()); });
  };
  while (strangers.size() < 10 * kDirectStrangersMax) {
    auto fd = connect_to(ticket.socket_name);
    if (fd) {
      strangers.push_back(std::move(*fd));
    } else {
      std::this_thread::yield();  // more than the server has got round to
    }
  }
  until([&] { return alive() == static_cast<std::ptrdiff_t>(kDirectStrangersMax); });
  EXPECT_LE(descriptors() - before, strangers.size() + kDirectStrangersMax);
  EXPECT_EQ(open(ticket).error(), DirectError::kRefused);
  clock.advance(kDirectHelloTimeout);
  until([&] { return alive() == 0; });
  EXPECT_TRUE(open(ticket)) << "the ticket was not used up";
}

TEST_F(FloodTest, AReaderThatSaysTheSameAgainAndAgainIsLeft) {
  const RegionId region = add_owned_region();
  const DirectTicket ticket = server->issue_ticket(reader_id);
  const base::UniqueFd fd = *connect_to(ticket.socket_name);
  ASSERT_TRUE(send(fd.get(), encode(Hello{1, ticket.nonce})));
  Packet packet;
  // It must have been handed the region before it may speak of it.
  until([&] {
    if (receive_packet(fd.get(), packet) != ReceiveOutcome::kPacket) return false;
    const auto message = decode(packet.bytes);
    return message && std::holds_alternative<Pieces>(*message);
  });
  const auto id = static_cast<std::uint64_t>(region);
  int said = 0;
  while (send(fd.get(), encode(Opened{id})) && send(fd.get(), encode(Closed{id, ""}))) ++said;
  EXPECT_LT(said, 20'000);
  until([&] { return is_hung_up(fd.get()); });
  ASSERT_TRUE(open());
  until([&] { return server->is_open_at(reader_id, region); });
}

TEST_F(FloodTest, AnOwnerThatIsKilledEndsAReadUnderWay) {
  const Packets with = packets();
  base::UniqueFd listener = *listen_at(name_, 4);
  const pid_t child = ::fork();
  if (child == 0) {
    // Only system calls: threads do not survive a fork.
    base::UniqueFd fd;
    while (!(fd = accept_one(listener.get()))) ::usleep(100);
    send(fd.get(), with.welcome, {with.marks.get()});
    send(fd.get(), with.region, {with.generations.get()});
    send(fd.get(), with.pieces, {with.memory.get()});
    send(fd.get(), with.all_sent);
    send(fd.get(), with.settled);
    for (;;) ::pause();
  }
  listener.reset();
  ASSERT_TRUE(open({name_, {}}));
  auto peer = client->find(owner_id, 7);
  ASSERT_TRUE(peer) << client->why_not(owner_id, 7);
  auto mark = peer->begin_read();
  ASSERT_TRUE(mark);
  EXPECT_TRUE(peer->is_unchanged(1, 1));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  // What it had in memory is there still, and so the copy ends well; it does not count.
  std::promise<base::Result<>> copied;
  reader.copy_direct(peer->import_id(), target_region, {{1, 0}}, {{0, 0}}, {},
                     [&](base::Result<> outcome) { copied.set_value(outcome); });
  EXPECT_TRUE(copied.get_future().get());
  const SlotGeneration slots[] = {{0, 1}, {1, 1}};
  EXPECT_EQ(peer->are_unchanged(slots), std::vector<bool>({false, false}));
  mark.reset();
  until([&] { return !client->has_session(owner_id); });
  EXPECT_FALSE(peer->begin_read());
  const ImportId import = peer->import_id();
  peer.reset();
  until([&] { return !reader.link_of(import); });
  EXPECT_TRUE(open()) << "its next run is met";
}

}  // namespace
}  // namespace kvp2p::testing
