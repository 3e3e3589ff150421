#include "exchange/testing/fake_network.h"

#include "base/signal.h"
#include "libp2p/core/error.h"
#include "libp2p/testing/memory_pipe.h"
#include "multiformats/numbered_peer.h"

#include <algorithm>

namespace kvp2p::testing {

namespace {

multiformats::PeerId numbered_peer_id(std::uint8_t number) { return multiformats::testing::numbered_peer(number); }

class FakeStream final : public libp2p::Stream {
 public:
  FakeStream(const base::Executor& executor, std::unique_ptr<libp2p::Stream> inner, std::set<FakeStream*>& all,
             std::shared_ptr<StreamFaults> faults)
      : inner_(std::move(inner)), all_(all), faults_(std::move(faults)), changed_(executor) {
    all_.insert(this);
    faults_->wake = [this] { changed_.notify_all(); };
  }
  ~FakeStream() override {
    all_.erase(this);
    faults_->wake = nullptr;
  }

  base::Task<base::Result<std::size_t>> read_some(base::MutableBytes into) override {
    const auto stalls = [this] {
      return faults_->stalled || bytes_read_ >= faults_->stalled_after_read_bytes || faults_->read_budget == 0;
    };
    while (stalls() && !reset_) co_await changed_.wait();
    if (reset_) co_return libp2p::Error::kReset;
    into = into.first(std::min({into.size(), faults_->stalled_after_read_bytes - bytes_read_, faults_->read_budget}));
    auto read = co_await inner_->read_some(into);
    if (!read) co_return read;
    if (faults_->read_budget != SIZE_MAX) faults_->read_budget -= *read;
    if (faults_->on_read) faults_->on_read(into.first(*read), bytes_read_);
    bytes_read_ += *read;
    if (bytes_read_ >= faults_->reset_after_read_bytes) {
      reset();
      co_return libp2p::Error::kReset;
    }
    co_return read;
  }
  base::Task<base::Result<>> write(base::ConstBytes bytes) override {
    while (faults_->stalled && !reset_) co_await changed_.wait();
    co_return co_await inner_->write(bytes);
  }
  base::Task<base::Result<>> close_write() override { co_return co_await inner_->close_write(); }
  void reset() noexcept override {
    reset_ = true;
    inner_->reset();
    changed_.notify_all();
  }
  bool is_reset() const { return reset_; }

 private:
  std::unique_ptr<libp2p::Stream> inner_;
  std::set<FakeStream*>& all_;
  std::shared_ptr<StreamFaults> faults_;
  base::Signal changed_;
  bool reset_ = false;
  std::size_t bytes_read_ = 0;
};

}  // namespace

/// One host's end of a connection.
class FakeConnection final : public libp2p::Connection {
 public:
  FakeConnection(FakeHost& own, FakeHost& other, bool dialler)
      : own_(own), other_(other), remote_peer_(other.peer_id()), dialler_(dialler), changed_(own.executor_) {}

  const multiformats::PeerId& remote_peer() const override { return remote_peer_; }
  const multiformats::Multiaddr& remote_address() const override { return address_; }
  const multiformats::Multiaddr& local_address() const override { return address_; }
  bool is_dialler() const override { return dialler_; }
  bool is_closed() const override { return closed_; }
  bool muxer_by_handshake() const override { return true; }
  bool is_superseded() const override { return superseded_; }
  bool is_limited() const override { return false; }
  /// As a muxer counts: a stream that was reset is gone, whoever still holds it.
  std::size_t stream_count() const override {
    const auto is_open = [](const FakeStream* stream) { return !stream->is_reset(); };
    return static_cast<std::size_t>(std::count_if(streams_.begin(), streams_.end(), is_open));
  }

  base::Task<base::Result<libp2p::NegotiatedStream>> new_stream(std::vector<std::string> protocols) override {
    auto remote = remote_.lock();
    while (!closed_ && !own_.opens_streams) co_await changed_.wait();
    if (closed_ || !remote) co_return libp2p::Error::kConnectionClosed;
    auto handler = other_.handlers_.find(protocols.at(0));
    if (handler == other_.handlers_.end()) co_return libp2p::Error::kProtocolNotSupported;
    libp2p::testing::MemoryPipeOptions options;
    options.capacity_bytes = 256 * 1024;
    auto [near, far] = libp2p::testing::make_memory_pipe(own_.executor_, options);
    const int number = ++own_.streams_opened;
    std::shared_ptr<StreamFaults> faults;
    if (own_.faults_of_new_stream) faults = own_.faults_of_new_stream(number);
    if (!faults) faults = std::make_shared<StreamFaults>();
    auto far_end = std::make_unique<FakeStream>(own_.executor_, std::move(far), remote->streams_,
                                                std::make_shared<StreamFaults>());
    base::spawn(own_.executor_, handler->second(remote, std::move(far_end)));
    auto stream = std::make_unique<FakeStream>(own_.executor_, std::move(near), streams_, std::move(faults));
    co_return libp2p::NegotiatedStream{std::move(stream), handler->first};
  }

  base::Result<libp2p::DataConnection> open_data(const std::shared_ptr<FakeConnection>& self) {
    auto remote = remote_.lock();
    if (closed_ || !remote) return libp2p::Error::kConnectionClosed;
    if (!own_.speaks_data || !other_.speaks_data || !other_.data_handler_) return libp2p::Error::kProtocolNotSupported;
    libp2p::testing::MemoryPipeOptions options;
    options.capacity_bytes = 256 * 1024;
    auto [near, far] = libp2p::testing::make_memory_pipe(own_.executor_, options);
    const int number = ++own_.data_opened;
    std::shared_ptr<StreamFaults> faults;
    if (own_.faults_of_new_data) faults = own_.faults_of_new_data(number);
    if (!faults) faults = std::make_shared<StreamFaults>();
    auto far_end = std::make_unique<FakeStream>(own_.executor_, std::move(far), remote->streams_,
                                                std::make_shared<StreamFaults>());
    auto near_end = std::make_unique<FakeStream>(own_.executor_, std::move(near), streams_, std::move(faults));
    libp2p::DataConnection theirs{own_.peer_id(), {}, std::move(far_end), {}, remote};
    base::spawn(own_.executor_, other_.data_handler_(std::move(theirs)));
    return libp2p::DataConnection{remote_peer_, {}, std::move(near_end), {}, self};
  }

  void close() override {
    if (closed_) return;
    end();
    if (auto remote = remote_.lock()) remote->end();
  }

  std::size_t streams_held() const { return streams_.size(); }
  void supersede() {
    superseded_ = true;
    if (auto remote = remote_.lock()) remote->superseded_ = true;
  }
  void join(const std::shared_ptr<FakeConnection>& remote) { remote_ = remote; }

 private:
  void end() {
    closed_ = true;
    changed_.notify_all();
    for (auto* stream : std::set(streams_)) stream->reset();
    auto self = std::find_if(own_.connections_.begin(), own_.connections_.end(),
                             [this](const auto& connection) { return connection.get() == this; });
    if (self == own_.connections_.end()) return;
    auto keep = *self;
    own_.connections_.erase(self);
    for (const auto& call : own_.on_disconnected_) call(keep);
  }

  FakeHost& own_;  // both alive while the connection is open
  FakeHost& other_;
  multiformats::PeerId remote_peer_;
  bool dialler_;
  bool closed_ = false;
  bool superseded_ = false;
  base::Signal changed_;
  const multiformats::Multiaddr address_ =
      multiformats::Multiaddr::from_ip_tcp(boost::asio::ip::address_v4::loopback(), 1024);
  std::weak_ptr<FakeConnection> remote_;
  std::set<FakeStream*> streams_;
};

FakeHost::FakeHost(const base::Executor& executor, std::uint8_t number)
    : executor_(executor), id_(numbered_peer_id(number)) {}
FakeHost::~FakeHost() {
  for (const auto& connection : std::vector(connections_)) connection->close();
}

void FakeHost::dial(FakeHost& other) {
  auto near = std::make_shared<FakeConnection>(*this, other, true);
  auto far = std::make_shared<FakeConnection>(other, *this, false);
  near->join(far);
  far->join(near);
  connections_.push_back(near);
  other.connections_.push_back(far);
  for (const auto& call : other.on_connected_) call(far);
  for (const auto& call : on_connected_) call(near);
}

void FakeHost::disconnect(FakeHost& other) { disconnect(other.peer_id()); }

void FakeHost::supersede_first(FakeHost& other) {
  for (const auto& connection : connections_) {
    if (connection->remote_peer() == other.peer_id()) return connection->supersede();
  }
}

void FakeHost::set_stream_handler(std::string protocol, libp2p::StreamHandler handler) {
  handlers_[std::move(protocol)] = std::move(handler);
}

base::Task<base::Result<std::shared_ptr<libp2p::Connection>>> FakeHost::connect(multiformats::PeerId peer,
                                                                                std::vector<multiformats::Multiaddr>,
                                                                                libp2p::ConnectOptions) {
  for (const auto& connection : connections_) {
    if (connection->remote_peer() == peer) co_return std::shared_ptr<libp2p::Connection>(connection);
  }
  co_return libp2p::Error::kNotConnected;
}

base::Task<base::Result<std::shared_ptr<libp2p::Connection>>> FakeHost::connect(multiformats::Multiaddr,
                                                                                libp2p::ConnectOptions) {
  co_return libp2p::Error::kNotConnected;
}

base::Task<base::Result<libp2p::DataConnection>> FakeHost::open_data_connection(multiformats::PeerId peer,
                                                                                std::vector<multiformats::Multiaddr>) {
  for (const auto& connection : std::vector(connections_)) {
    if (connection->remote_peer() == peer) co_return connection->open_data(connection);
  }
  co_return libp2p::Error::kNotConnected;
}

std::vector<std::shared_ptr<libp2p::Connection>> FakeHost::connections() const {
  return {connections_.begin(), connections_.end()};
}

std::vector<std::shared_ptr<libp2p::Connection>> FakeHost::connections_to(const multiformats::PeerId& peer) const {
  std::vector<std::shared_ptr<libp2p::Connection>> all;
  for (const auto& connection : connections_) {
    if (connection->remote_peer() == peer && !connection->is_closed()) all.push_back(connection);
  }
  return all;
}

std::vector<multiformats::PeerId> FakeHost::peers() const {
  std::set<multiformats::PeerId> peers;
  for (const auto& connection : connections_) peers.insert(connection->remote_peer());
  return {peers.begin(), peers.end()};
}

void FakeHost::disconnect(const multiformats::PeerId& peer) {
  for (const auto& connection : std::vector(connections_)) {
    if (connection->remote_peer() == peer) connection->close();
  }
}

void FakeHost::on_connected(std::function<void(std::shared_ptr<libp2p::Connection>)> call) {
  on_connected_.push_back(std::move(call));
}

void FakeHost::on_disconnected(std::function<void(std::shared_ptr<libp2p::Connection>)> call) {
  on_disconnected_.push_back(std::move(call));
}

base::Task<base::Result<base::Duration>> FakeHost::ping(std::shared_ptr<libp2p::Connection>) {
  co_return base::Duration(0);
}

base::Task<> FakeHost::close() {
  for (const auto& connection : std::vector(connections_)) connection->close();
  co_return;
}

std::size_t FakeHost::streams_held_to(const FakeHost& other) const {
  std::size_t held = 0;
  for (const auto& connection : connections_) {
    if (connection->remote_peer() == other.peer_id()) held += connection->streams_held();
  }
  return held;
}

std::shared_ptr<libp2p::Connection> FakeHost::connection_to(const FakeHost& other) const {
  for (const auto& connection : connections_) {
    if (connection->remote_peer() == other.peer_id()) return connection;
  }
  return nullptr;
}

}  // namespace kvp2p::testing
