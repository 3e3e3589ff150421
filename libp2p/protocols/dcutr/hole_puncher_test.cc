// Whole hosts on a network within the process: a relay, and nodes behind NATs.
#include "libp2p/protocols/dcutr/hole_puncher.h"

#include "libp2p/protocols/dcutr/dcutr_message.h"
#include "libp2p/protocols/dcutr/testing/nat_transport.h"
#include "libp2p/protocols/relay/testing/relay_fixture.h"

#include <map>

namespace libp2p::dcutr {
namespace {

using namespace std::chrono_literals;
using multiformats::Multiaddr;

class HolePuncherTest : public relay::RelayTimeTest {
 protected:
  void TearDown() override {
    for (auto& puncher : punchers_) {
      bool done = false;
      base::spawn(io_.get_executor(), mark_done(puncher->close(), done));
      pass_time_until([&] { return done; });
    }
    relay::RelayTimeTest::TearDown();
    punchers_.clear();
  }
  static base::Task<> mark_done(base::Task<> task, bool& done) {
    co_await std::move(task);
    done = true;
  }

  Host& add_nat_node(const std::string& own, bool is_behind_nat) {
    HostConfig config = this->config();
    last_key_ = config.key;
    HostParts parts = this->parts(config);
    const Multiaddr own_address = address(own);
    parts.transports.front() = std::make_unique<NatTransport>(network_, clock_, own_address);
    YamuxConfig yamux;
    yamux.keep_alive = 1000h;
    parts.muxers.front() = std::make_unique<YamuxMuxer>(clock_, yamux);
    Host& host = add_host(std::move(config), std::move(parts));
    if (is_behind_nat) {
      network_.behind_nat.insert(own_address);
    } else {
      listen(host, own_address);
    }
    return host;
  }
  Host& add_nat_relay() {
    Host& host = add_nat_node("/ip4/44.128.0.1/tcp/0", false);
    add_server(host);
    return host;
  }
  /// A node that punches, seen by others as `own`.
  Host& add_puncher(const std::string& own, bool is_behind_nat = true) {
    Host& host = add_nat_node(own, is_behind_nat);
    add_client(host);
    HolePuncherConfig config;
    config.own_addresses = [own] { return std::vector{address(own)}; };
    punchers_.push_back(HolePuncher::create(io_.get_executor(), clock_, host, std::move(config)));
    return host;
  }

  /// Real time does not pass here, so it must be made to.
  void pass_time_until(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000 && !condition(); ++i) {
      io_.restart();
      io_.poll();
      if (!condition()) clock_.advance(100ms);
    }
    ASSERT_TRUE(condition());
  }

  std::shared_ptr<Connection> find(const Host& host, const Host& peer, bool relayed) const {
    for (const auto& each : host.connections()) {
      if (each->remote_peer() == peer.peer_id() && is_relayed(*each) == relayed) return each;
    }
    return nullptr;
  }

  NatNetwork network_{io_.get_executor()};
  std::vector<std::unique_ptr<HolePuncher>> punchers_;
};

TEST_F(HolePuncherTest, TwoNodesBehindNatsConnectDirectly) {
  Host& relay = add_nat_relay();
  Host& a = add_puncher("/ip4/44.128.1.1/tcp/1001");
  Host& b = add_puncher("/ip4/44.128.2.2/tcp/1002");
  reserve(b, *clients_[1], relay);
  const auto relayed = connect_through(relay, a, b);
  ASSERT_TRUE(relayed);
  pass_time_until([&] { return find(a, b, false) && find(b, a, false); });
  // Who has dialled through the relay is the dialler here too.
  EXPECT_TRUE(find(a, b, false)->is_dialler());
  EXPECT_FALSE(find(b, a, false)->is_dialler());
  EXPECT_FALSE(find(a, b, false)->is_limited());
  EXPECT_TRUE(relayed->is_superseded());
  const auto direct = run(a.connect(b.peer_id(), {})).value();
  EXPECT_EQ(direct, find(a, b, false));
  const base::Bytes bytes(200'000, 3);
  EXPECT_EQ(run(send_and_receive(direct, bytes)).value(), bytes);
  pass_time_until([&] { return punchers_[0]->stats().punched == 1 && punchers_[1]->stats().punched == 1; });
  // And the relayed one goes.
  pass_time_until([&] { return relayed->is_closed(); });
  EXPECT_FALSE(direct->is_closed());
}

TEST_F(HolePuncherTest, ANodeThatCanBeReachedIsDialled) {
  Host& relay = add_nat_relay();
  Host& a = add_puncher("/ip4/44.128.1.1/tcp/1001", false);
  Host& b = add_puncher("/ip4/44.128.2.2/tcp/1002");
  reserve(b, *clients_[1], relay);
  ASSERT_TRUE(connect_through(relay, a, b));
  pass_time_until([&] { return find(a, b, false) && find(b, a, false); });
  EXPECT_TRUE(find(b, a, false)->is_dialler());
  pass_time_until([&] { return punchers_[1]->stats().direct == 1; });
  EXPECT_EQ(punchers_[0]->stats().begun, 0u);
}

TEST_F(HolePuncherTest, WhereNothingGetsThroughItStaysRelayed) {
  network_.lets_punch = false;
  Host& relay = add_nat_relay();
  Host& a = add_puncher("/ip4/44.128.1.1/tcp/1001");
  Host& b = add_puncher("/ip4/44.128.2.2/tcp/1002");
  reserve(b, *clients_[1], relay);
  const auto relayed = connect_through(relay, a, b);
  ASSERT_TRUE(relayed);
  // Each attempt is a stream of its own, which is all that A sees of it.
  pass_time_until([&] { return punchers_[0]->stats().failed == kAttempts && punchers_[1]->stats().failed == 1; });
  EXPECT_EQ(network_.dials, 2u * kAttempts);
  EXPECT_FALSE(relayed->is_closed());
  EXPECT_FALSE(relayed->is_superseded());
  EXPECT_EQ(run(a.connect(b.peer_id(), {})).value(), relayed);
}

/// The peer that dials through the relay speaks the protocol by hand.
class HostilePeerTest : public HolePuncherTest {
 protected:
  void SetUp() override {
    relay_ = &add_nat_relay();
    peer_ = &add_nat_node("/ip4/44.128.1.1/tcp/1001", true);
    add_client(*peer_);
    node_ = &add_puncher("/ip4/44.128.2.2/tcp/1002");
    reserve(*node_, *clients_[1], *relay_);
  }

  /// Answers every CONNECT so, and drops what comes else.
  static base::Task<> answer_with(std::unique_ptr<Stream> stream, base::Bytes answer) {
    for (;;) {
      auto message = co_await read_length_prefixed(*stream, kMessageBytesMax);
      if (!message) break;
      const auto parsed = parse_hole_punch(*message);
      if (!parsed || parsed->type != HolePunch::Type::kConnect) continue;
      auto written = co_await stream->write(answer);
      if (!written) break;
    }
    stream->reset();
  }
  void answers(base::Bytes bytes) {
    peer_->set_stream_handler(
        kProtocol, [bytes](auto, std::unique_ptr<Stream> stream) { return answer_with(std::move(stream), bytes); });
  }
  static base::Bytes framed(const HolePunch& message) {
    const base::Bytes bytes = serialise(message);
    base::Bytes whole{static_cast<std::uint8_t>(bytes.size() | 0x80), static_cast<std::uint8_t>(bytes.size() >> 7)};
    if (bytes.size() < 0x80) whole = {static_cast<std::uint8_t>(bytes.size())};
    base::append(whole, bytes);
    return whole;
  }
  void connect_and_fail() {
    ASSERT_TRUE(connect_through(*relay_, *peer_, *node_));
    pass_time_until([&] { return punchers_[0]->stats().failed == 1; });
  }

  Host* relay_ = nullptr;
  Host* peer_ = nullptr;
  Host* node_ = nullptr;
};

TEST_F(HostilePeerTest, WhoDoesNotSpeakTheProtocolStaysRelayed) { connect_and_fail(); }

TEST_F(HostilePeerTest, WhatIsNoMessageEndsIt) {
  answers({3, 0xff, 0xff, 0xff});
  connect_and_fail();
}

TEST_F(HostilePeerTest, AMessageOutOfTurnEndsIt) {
  answers(framed(HolePunch{.type = HolePunch::Type::kSync}));
  connect_and_fail();
}

TEST_F(HostilePeerTest, SilenceEndsIt) {
  answers({});
  connect_and_fail();
}

TEST_F(HostilePeerTest, OnlyAFewPublicAddressesAreDialled) {
  HolePunch message;
  for (const char* each :
       {"/ip4/127.0.0.1/tcp/22", "/ip4/10.0.0.1/tcp/80", "/dns4/localhost/tcp/1", "/ip4/0.0.0.0/tcp/1"}) {
    message.addresses.push_back(address(each));
  }
  for (int i = 0; i < 12; ++i) {
    const auto victim = address("/ip4/44.200.0." + std::to_string(i + 1) + "/tcp/80");
    message.addresses.push_back(victim);
    network_.behind_nat.insert(victim);
  }
  answers(framed(message));
  connect_and_fail();
  EXPECT_EQ(network_.dials, kAttempts * kDialledMax);
}

TEST_F(HostilePeerTest, TheProtocolIsServedOverRelayedConnectionsAlone) {
  Host& other = add_puncher("/ip4/44.128.3.3/tcp/1003", false);
  const auto direct = run(peer_->connect(other.peer_id(), other.addresses())).value();
  std::vector<std::string> protocols{kProtocol};
  const auto stream = run(direct->new_stream(std::move(protocols))).value();
  // It may have been reset already.
  (void)run(write_length_prefixed(*stream.stream, serialise(HolePunch())));
  EXPECT_FALSE(run(read_length_prefixed(*stream.stream, kMessageBytesMax)));
}

}  // namespace
}  // namespace libp2p::dcutr
