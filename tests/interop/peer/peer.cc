#include "tests/interop/peer/peer.h"

#include "libp2p/core/error.h"
#include "tests/interop/peer/commands.h"
#include "tests/interop/peer/servers.h"

#include <boost/asio/read_until.hpp>

#include <unistd.h>

#include <sstream>

namespace interop {

namespace {

constexpr std::size_t kCommandMaxBytes = 4096;

}  // namespace

std::string_view muxer_by(const libp2p::Connection& connection) {
  return connection.muxer_by_handshake() ? "handshake" : "multistream";
}

Peer::Peer(const base::Executor& executor, base::Clock& clock, std::unique_ptr<libp2p::Host> host,
           std::function<void()> on_listening)
    : executor_(executor),
      input_(executor, ::dup(STDIN_FILENO)),
      clock_(clock),
      host_(std::move(host)),
      on_listening_(std::move(on_listening)),
      disconnected_(executor) {
  serve_tests(*host_);
  host_->on_connected([this](std::shared_ptr<libp2p::Connection> connection) { on_connected(std::move(connection)); });
  host_->on_disconnected([this](std::shared_ptr<libp2p::Connection> connection) { on_disconnected(*connection); });
}

void Peer::on_connected(std::shared_ptr<libp2p::Connection> connection) {
  ++connections_;
  if (!quiet_) {
    print({{"event", "connected"},
           {"peer", connection->remote_peer().to_text()},
           {"inbound", !connection->is_dialler()},
           {"muxer_by", muxer_by(*connection)}});
  }
  connection_ = std::move(connection);
}

void Peer::on_disconnected(const libp2p::Connection& connection) {
  --connections_;
  disconnected_.notify_all();
  if (!quiet_) print({{"event", "disconnected"}, {"peer", connection.remote_peer().to_text()}});
}

base::Task<> Peer::wait_until_disconnected() {
  while (connections_ > 0) co_await disconnected_.wait();
}

base::Task<> Peer::run() {
  const std::string version = libp2p::HostConfig{.key = multiformats::PrivateKey::generate()}.agent_version;
  print({{"event", "ready"}, {"implementation", version}, {"peer", host_->peer_id().to_text()}});
  for (;;) {
    auto line = co_await read_line();
    if (!line) break;
    std::istringstream words(*line);
    std::string command;
    words >> command;
    std::vector<std::string> arguments;
    for (std::string word; words >> word;) arguments.push_back(word);
    auto reply = co_await execute(command, std::move(arguments));
    print_reply(command, reply);
    if (command == "quit") break;
  }
  connection_.reset();
  if (pubsub_) co_await pubsub_->close();
  pubsub_.reset();
  if (kad_) co_await kad_->close();
  kad_.reset();
  if (reach_) co_await reach_->close();
  co_await host_->close();
  reach_.reset();
}

base::Task<std::optional<std::string>> Peer::read_line() {
  boost::system::error_code error;
  auto buffer = boost::asio::dynamic_buffer(pending_input_, kCommandMaxBytes);
  const std::size_t size = co_await boost::asio::async_read_until(
      input_, buffer, '\n', boost::asio::redirect_error(boost::asio::use_awaitable, error));
  if (error) co_return std::nullopt;
  std::string line = pending_input_.substr(0, size);
  pending_input_.erase(0, size);
  co_return line;
}

base::Task<Reply> Peer::execute(const std::string& name, std::vector<std::string> arguments) {
  const Command* command = find_command(name);
  if (!command) co_return std::make_error_code(std::errc::function_not_supported);
  if (arguments.size() != command->arguments) co_return std::make_error_code(std::errc::invalid_argument);
  auto reply = co_await command->call(*this, std::move(arguments));
  co_return reply;
}

base::Task<base::Result<std::unique_ptr<libp2p::Stream>>> Peer::new_stream(std::string_view protocol) {
  if (!connection_) co_return libp2p::Error::kNotConnected;
  auto connection = connection_;
  std::vector<std::string> protocols{std::string(protocol)};
  auto opened = co_await connection->new_stream(std::move(protocols));
  if (!opened) co_return opened.error();
  co_return std::move(opened->stream);
}

}  // namespace interop
