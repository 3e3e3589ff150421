// Hosts joined in memory, for tests of what runs over libp2p: streams can be stalled, cut and tampered with.
#pragma once

#include "libp2p/host/host.h"

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

namespace kvp2p::testing {

/// What may be done to one end of a stream. Shared with the test.
struct StreamFaults {
  /// Reads and writes wait until the stream is reset, or this is over.
  bool stalled = false;
  void go_on() {
    stalled = false;
    if (wake) wake();
  }
  /// Bytes that may be read until more are granted.
  std::size_t read_budget = SIZE_MAX;
  void grant_reads(std::size_t bytes) {
    read_budget += bytes;
    if (wake) wake();
  }
  std::function<void()> wake;  // the stream's
  /// The same for reads, once this many bytes have been read.
  std::size_t stalled_after_read_bytes = SIZE_MAX;
  /// Sees, and may change, all that this end reads. `offset` counts from the stream's start.
  std::function<void(base::MutableBytes bytes, std::size_t offset)> on_read;
  /// Bytes after which this end resets the stream.
  std::size_t reset_after_read_bytes = SIZE_MAX;
};

class FakeConnection;

/// Node thread only.
class FakeHost final : public libp2p::Host {
 public:
  FakeHost(const base::Executor& executor, std::uint8_t number);
  ~FakeHost() override;

  /// A connection between the two; `this` has dialled.
  void dial(FakeHost& other);
  void disconnect(FakeHost& other);
  /// The first connection to `other` is one of two that both sides have dialled at once, and the second one serves.
  void supersede_first(FakeHost& other);
  /// Called for each stream that this host opens, with its number from 1; what it returns is done to this host's end.
  std::function<std::shared_ptr<StreamFaults>(int number)> faults_of_new_stream;
  int streams_opened = 0;
  /// Whether data connections are spoken; and the same as above for those that this host opens.
  bool speaks_data = false;
  std::function<std::shared_ptr<StreamFaults>(int number)> faults_of_new_data;
  int data_opened = 0;
  /// Ends of streams at this host that somebody still holds, reset or not.
  std::size_t streams_held_to(const FakeHost& other) const;
  /// New streams wait until this is set again, as with a peer that has stalled.
  bool opens_streams = true;

  const multiformats::PeerId& peer_id() const override { return id_; }
  base::Result<multiformats::Multiaddr> listen(const multiformats::Multiaddr& address) override { return address; }
  std::vector<multiformats::Multiaddr> addresses() const override { return {}; }
  void announce(std::string, std::vector<multiformats::Multiaddr>) override {}
  void addresses_changed() override {}
  void add_transport(std::unique_ptr<libp2p::Transport>) override {}
  void set_stream_handler(std::string protocol, libp2p::StreamHandler handler) override;
  void remove_stream_handler(const std::string& protocol) override { handlers_.erase(protocol); }
  base::Task<base::Result<std::shared_ptr<libp2p::Connection>>> connect(multiformats::PeerId peer,
                                                                        std::vector<multiformats::Multiaddr> addresses,
                                                                        libp2p::ConnectOptions options) override;
  base::Task<base::Result<std::shared_ptr<libp2p::Connection>>> connect(multiformats::Multiaddr address,
                                                                        libp2p::ConnectOptions options) override;
  base::Task<base::Result<libp2p::DataConnection>> open_data_connection(
      multiformats::PeerId peer, std::vector<multiformats::Multiaddr> addresses) override;
  void set_data_handler(libp2p::DataHandler handler) override { data_handler_ = std::move(handler); }
  std::optional<base::TimePoint> backoff_until(const multiformats::PeerId&) const override { return std::nullopt; }
  std::vector<std::shared_ptr<libp2p::Connection>> connections() const override;
  std::vector<std::shared_ptr<libp2p::Connection>> connections_to(const multiformats::PeerId& peer) const override;
  std::vector<multiformats::PeerId> peers() const override;
  void disconnect(const multiformats::PeerId& peer) override;
  void set_gate(libp2p::ConnectionGate) override {}
  std::optional<libp2p::PeerInfo> peer_info(const multiformats::PeerId&) const override { return std::nullopt; }
  void on_connected(std::function<void(std::shared_ptr<libp2p::Connection>)> call) override;
  void on_disconnected(std::function<void(std::shared_ptr<libp2p::Connection>)> call) override;
  void on_identified(std::function<void(std::shared_ptr<libp2p::Connection>)>) override {}
  base::Task<base::Result<base::Duration>> ping(std::shared_ptr<libp2p::Connection> connection) override;
  base::Task<> close() override;

  /// The connection to `other`, for tests that speak the protocol by hand.
  std::shared_ptr<libp2p::Connection> connection_to(const FakeHost& other) const;

 private:
  friend class FakeConnection;
  base::Executor executor_;
  multiformats::PeerId id_;
  std::map<std::string, libp2p::StreamHandler> handlers_;
  libp2p::DataHandler data_handler_;
  std::vector<std::shared_ptr<FakeConnection>> connections_;
  std::vector<std::function<void(std::shared_ptr<libp2p::Connection>)>> on_connected_;
  std::vector<std::function<void(std::shared_ptr<libp2p::Connection>)>> on_disconnected_;
};

}  // namespace kvp2p::testing
