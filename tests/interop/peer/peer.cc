// Our peer of the interop tests. What it is told and what it answers: ../README.md.
#include "base/log.h"
#include "libp2p/core/error.h"
#include "libp2p/host/host.h"
#include "tests/interop/peer/test_protocols.h"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <nlohmann/json.hpp>

#include <unistd.h>

#include <charconv>
#include <concepts>
#include <iostream>
#include <map>
#include <sstream>

namespace interop {
namespace {

using libp2p::Connection;
using nlohmann::ordered_json;
/// What a reply tells besides that all went well.
struct Fields {
  Fields() = default;
  // A template, because JSON is implicitly made from anything, errors too.
  template <std::same_as<ordered_json> Json>
  explicit Fields(Json fields) : json(std::move(fields)) {}

  ordered_json json = ordered_json::object();
};
using Reply = base::Result<Fields>;
using namespace std::chrono_literals;

constexpr std::size_t kCommandMaxBytes = 4096;
constexpr auto kIdentifyPoll = 10ms;
constexpr int kIdentifyPolls = 1000;

void print(const ordered_json& line) { std::cout << line.dump() << std::endl; }

/// The kinds of failure that a case may expect; all others are told by their message alone.
std::string error_kind(const base::Error& error) {
  if (error == libp2p::Error::kPeerIdMismatch) return "peer_id_mismatch";
  if (error == libp2p::Error::kProtocolNotSupported) return "protocol_not_supported";
  return "other";
}

base::Result<std::uint64_t> parse_count(const std::string& text) {
  std::uint64_t count = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), count);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::make_error_code(parsed.ec);
  return count;
}

std::vector<std::string> to_text(const std::vector<multiformats::Multiaddr>& addresses) {
  std::vector<std::string> text;
  for (const auto& address : addresses) text.push_back(address.to_text());
  return text;
}

class Peer {
 public:
  Peer(const base::Executor& executor, base::Clock& clock)
      : input_(executor, ::dup(STDIN_FILENO)),
        clock_(clock),
        host_(libp2p::Host::create(executor, clock, {.key = multiformats::PrivateKey::generate()})) {
    serve(kEchoProtocol, &serve_echo);
    serve(kDigestProtocol, &serve_digest);
    host_->on_connected([this](std::shared_ptr<Connection> connection) {
      print({{"event", "connected"},
             {"peer", connection->remote_peer().to_text()},
             {"inbound", !connection->is_dialler()}});
      connection_ = std::move(connection);
    });
    host_->on_disconnected([](std::shared_ptr<Connection> connection) {
      print({{"event", "disconnected"}, {"peer", connection->remote_peer().to_text()}});
    });
  }

  base::Task<> run() {
    print({{"event", "ready"}, {"implementation", "kv-cache-p2p"}, {"peer", host_->peer_id().to_text()}});
    for (;;) {
      auto line = co_await read_line();
      if (!line) break;
      std::istringstream words(*line);
      std::string command, argument;
      words >> command >> argument;
      auto reply = co_await execute(command, argument);
      print_reply(command, reply);
      if (command == "quit") break;
    }
    connection_.reset();
    co_await host_->close();
  }

 private:
  using Serve = base::Task<base::Result<>> (*)(std::unique_ptr<libp2p::Stream>);

  void serve(std::string_view protocol, Serve function) {
    host_->set_stream_handler(std::string(protocol), [protocol, function](std::shared_ptr<Connection>,
                                                                          std::unique_ptr<libp2p::Stream> stream) {
      return serve_stream(protocol, function, std::move(stream));
    });
  }

  static base::Task<> serve_stream(std::string_view protocol, Serve function, std::unique_ptr<libp2p::Stream> stream) {
    auto ended = co_await function(std::move(stream));
    print({{"event", "stream_ended"}, {"protocol", protocol}, {"clean", ended.has_value()}});
  }

  static void print_reply(const std::string& command, const Reply& reply) {
    ordered_json line{{"reply", command}, {"ok", reply.has_value()}};
    if (reply) {
      line.update(reply->json);
    } else {
      line["error"] = error_kind(reply.error());
      line["message"] = reply.error().message();
    }
    print(line);
  }

  /// Nothing at the end of the input.
  base::Task<std::optional<std::string>> read_line() {
    boost::system::error_code error;
    auto buffer = boost::asio::dynamic_buffer(pending_input_, kCommandMaxBytes);
    const std::size_t size = co_await boost::asio::async_read_until(
        input_, buffer, '\n', boost::asio::redirect_error(boost::asio::use_awaitable, error));
    if (error) co_return std::nullopt;
    std::string line = pending_input_.substr(0, size);
    pending_input_.erase(0, size);
    co_return line;
  }

  base::Task<Reply> execute(const std::string& command, std::string argument) {
    using Command = base::Task<Reply> (Peer::*)(std::string);
    static const std::map<std::string, Command> kCommands = {
        {"listen", &Peer::listen}, {"dial", &Peer::dial},   {"identify", &Peer::identify},
        {"ping", &Peer::ping},     {"echo", &Peer::echo},   {"send", &Peer::send},
        {"reset", &Peer::reset},   {"close", &Peer::close}, {"quit", &Peer::quit},
    };
    const auto found = kCommands.find(command);
    const Command function = found == kCommands.end() ? &Peer::unknown : found->second;
    return (this->*function)(std::move(argument));
  }

  base::Task<Reply> listen(std::string address) {
    const auto parsed = multiformats::Multiaddr::from_text(address);
    if (!parsed) co_return parsed.error();
    const auto bound = host_->listen(*parsed);
    if (!bound) co_return bound.error();
    ordered_json addresses = ordered_json::array();
    for (const auto& each : host_->addresses()) {
      const auto full = each.with_peer(host_->peer_id());
      if (!full) co_return full.error();
      addresses.push_back(full->to_text());
    }
    co_return Fields(ordered_json{{"addresses", addresses}});
  }

  base::Task<Reply> dial(std::string address) {
    const auto parsed = multiformats::Multiaddr::from_text(address);
    if (!parsed) co_return parsed.error();
    auto connection = co_await host_->connect(*parsed);
    if (!connection) co_return connection.error();
    connection_ = *connection;
    co_return Fields(ordered_json{{"peer", connection_->remote_peer().to_text()}});
  }

  base::Task<Reply> identify(std::string) {
    if (!connection_) co_return libp2p::Error::kNotConnected;
    for (int poll = 0; poll < kIdentifyPolls; ++poll) {
      if (const auto info = host_->peer_info(connection_->remote_peer())) {
        ordered_json fields{{"agent_version", info->agent_version},
                            {"protocols", info->protocols},
                            {"listen_addresses", to_text(info->listen_addresses)}};
        if (info->observed_address) fields["observed_address"] = info->observed_address->to_text();
        co_return Fields(std::move(fields));
      }
      co_await base::sleep_for(clock_, kIdentifyPoll);
    }
    co_return libp2p::Error::kTimeout;
  }

  base::Task<Reply> ping(std::string) {
    if (!connection_) co_return libp2p::Error::kNotConnected;
    auto round_trip = co_await host_->ping(connection_);
    if (!round_trip) co_return round_trip.error();
    co_return Fields(
        ordered_json{{"rtt_us", std::chrono::duration_cast<std::chrono::microseconds>(*round_trip).count()}});
  }

  base::Task<Reply> echo(std::string bytes) {
    auto done = co_await exchange(kEchoProtocol, bytes);
    if (!done) co_return done.error();
    co_return Fields(ordered_json{{"bytes", done->bytes_received},
                                  {"sent_sha256", base::to_hex(done->sent_digest)},
                                  {"received_sha256", base::to_hex(done->received_digest)}});
  }

  base::Task<Reply> send(std::string bytes) {
    auto done = co_await exchange(kDigestProtocol, bytes);
    if (!done) co_return done.error();
    co_return Fields(ordered_json{{"sent_sha256", base::to_hex(done->sent_digest)},
                                  {"peer_sha256", base::to_hex(done->received_head)}});
  }

  base::Task<base::Result<Exchange>> exchange(std::string_view protocol, std::string bytes) {
    const auto count = parse_count(bytes);
    if (!count) co_return count.error();
    auto stream = co_await new_stream(protocol);
    if (!stream) co_return stream.error();
    auto done = co_await exchange_random(std::move(*stream), *count);
    co_return done;
  }

  base::Task<Reply> reset(std::string) {
    auto stream = co_await new_stream(kEchoProtocol);
    if (!stream) co_return stream.error();
    auto done = co_await send_and_reset(std::move(*stream));
    if (!done) co_return done.error();
    co_return Fields();
  }

  base::Task<Reply> close(std::string) {
    if (connection_) connection_->close();
    connection_.reset();
    co_return Fields();
  }

  base::Task<Reply> quit(std::string) { co_return Fields(); }

  base::Task<Reply> unknown(std::string) { co_return std::make_error_code(std::errc::function_not_supported); }

  base::Task<base::Result<std::unique_ptr<libp2p::Stream>>> new_stream(std::string_view protocol) {
    if (!connection_) co_return libp2p::Error::kNotConnected;
    auto connection = connection_;
    std::vector<std::string> protocols{std::string(protocol)};
    auto stream = co_await connection->new_stream(std::move(protocols));
    if (!stream) co_return stream.error();
    co_return std::move(stream->stream);
  }

  boost::asio::posix::stream_descriptor input_;
  std::string pending_input_;
  base::Clock& clock_;
  std::unique_ptr<libp2p::Host> host_;
  std::shared_ptr<Connection> connection_;
};

}  // namespace
}  // namespace interop

int main(int argc, char** argv) {
  base::set_up_logging(argc > 1 ? argv[1] : "warn");
  boost::asio::io_context io;
  base::SystemClock clock(io.get_executor());
  interop::Peer peer(io.get_executor(), clock);
  base::spawn(io.get_executor(), peer.run());
  io.run();
}
