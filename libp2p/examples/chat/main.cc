// Chats by /chat/1.0.0: lines of text, both ways, until both sides have closed. go-libp2p's chat example speaks the
// same.
//
//   chat --listen /ip4/0.0.0.0/tcp/4001
//   chat /ip4/192.0.2.1/tcp/4001/p2p/12D3KooW…
#include "base/log.h"
#include "libp2p/core/error.h"
#include "libp2p/core/scoped_deadline.h"
#include "libp2p/host/host.h"
#include "program.h"

#include <unistd.h>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <list>
#include <memory>

namespace {

constexpr std::string_view kChatProtocol = "/chat/1.0.0";
/// A longer line is shown in pieces, and cannot be typed.
constexpr std::size_t kLineMaxBytes = 4096;
constexpr std::size_t kChatsMax = 64;
/// A peer that takes nothing for this long is dropped.
constexpr base::Duration kWriteTimeout = std::chrono::seconds(10);

/// Control characters could do something to the terminal.
std::string printable(std::string_view text) {
  std::string clean(text);
  std::replace_if(
      clean.begin(), clean.end(), [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; }, '?');
  return clean;
}

/// The chats that are open: what is typed goes to all of them, what comes is shown with who said it.
class Room {
 public:
  Room(const base::Executor& executor, base::Clock& clock) : clock_(clock), said_(executor) {}

  /// Shows what comes until the peer has closed its direction, then closes ours.
  base::Task<> chat(std::shared_ptr<libp2p::Connection> connection, std::unique_ptr<libp2p::Stream> stream) {
    if (chats_.size() == kChatsMax) co_return;
    const std::string name = connection->remote_peer().short_text();
    show("* " + name + " is here");
    const auto self = chats_.insert(chats_.end(), stream.get());
    co_await show_lines(*stream, name);
    while (saying_) co_await said_.wait();  // to all streams, this one too
    chats_.erase(self);
    (void)co_await stream->close_write();
    show("* " + name + " has left");
  }

  /// Says a line to everybody. One call at a time.
  base::Task<> say(std::string line) {
    saying_ = true;
    for (libp2p::Stream* stream : chats_) {
      libp2p::ScopedDeadline deadline(clock_, clock_.now() + kWriteTimeout, [stream] { stream->reset(); });
      (void)co_await stream->write(base::as_bytes(line));
    }
    saying_ = false;
    said_.notify_all();
  }

  /// Nothing more will be said. As say(), one call at a time.
  base::Task<> end_saying() {
    saying_ = true;
    for (libp2p::Stream* stream : chats_) (void)co_await stream->close_write();
    saying_ = false;
    said_.notify_all();
  }

 private:
  static void show(const std::string& line) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  }

  static base::Task<> show_lines(libp2p::Stream& stream, std::string name) {
    base::Bytes chunk(kLineMaxBytes);
    std::string text;
    for (;;) {
      auto count = co_await stream.read_some(chunk);
      if (!count || *count == 0) break;
      text += base::as_text(base::ConstBytes(chunk.data(), *count));
      for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
        show_said(name, std::string_view(text).substr(0, end));
        text.erase(0, end + 1);
      }
      if (text.size() < kLineMaxBytes) continue;
      show_said(name, text);
      text.clear();
    }
    show_said(name, text);
  }

  static void show_said(const std::string& name, std::string_view line) {
    // go-libp2p's example sends an empty line after each.
    if (!line.empty()) show(name + ": " + printable(line));
  }

  base::Clock& clock_;
  /// Those in say() stay until it has ended: chat() waits.
  std::list<libp2p::Stream*> chats_;
  base::Signal said_;
  bool saying_ = false;
};

/// Says what is typed until the end of input.
base::Task<> say_lines(boost::asio::posix::stream_descriptor& input, Room& room) {
  std::string typed;
  for (;;) {
    boost::system::error_code error;
    auto token = boost::asio::redirect_error(boost::asio::use_awaitable, error);
    auto buffer = boost::asio::dynamic_buffer(typed, kLineMaxBytes);
    std::size_t size = co_await boost::asio::async_read_until(input, buffer, '\n', token);
    if (error == boost::asio::error::not_found) size = typed.size();  // too long: said in pieces
    if (size == 0) break;
    std::string line = typed.substr(0, size);
    typed.erase(0, size);
    co_await room.say(std::move(line));
  }
  if (!typed.empty()) co_await room.say(typed + "\n");
  co_await room.end_saying();
}

base::Task<base::Result<libp2p::NegotiatedStream>> open_chat(std::shared_ptr<libp2p::Connection> connection) {
  std::vector<std::string> protocols{std::string(kChatProtocol)};
  auto stream = co_await connection->new_stream(std::move(protocols));
  co_return stream;
}

/// Chats with one peer, then ends the program.
base::Task<> dial(libp2p::Host& host, examples::Stop& stop, Room& room, std::string address,
                  boost::asio::posix::stream_descriptor& input, int& exit_code) {
  auto connection = co_await host.connect(multiformats::Multiaddr::from_text(address).value());
  base::Result<libp2p::NegotiatedStream> stream = libp2p::Error::kNotConnected;
  if (connection) stream = co_await open_chat(*connection);
  if (stream) {
    base::spawn(input.get_executor(), say_lines(input, room));
    co_await room.chat(*connection, std::move(stream->stream));
  } else if (!stop.requested()) {
    const base::Error why = connection ? stream.error() : connection.error();
    std::fprintf(stderr, "cannot chat with %s: %s\n", address.c_str(), why.message().c_str());
    exit_code = 1;
  }
  stop.request();
}

}  // namespace

int main(int argc, char** argv) {
  std::string address;
  std::string listen;
  CLI::App app(
      "Chats with libp2p peers: what is typed goes to all, line by line. Ends at Ctrl-C, and when the peer that "
      "was dialled has left.");
  auto* address_option = app.add_option("address", address, "Whom to chat with: an address, best with /p2p/<peer id>");
  auto* listen_option = app.add_option("--listen", listen, "Where to wait for others");
  address_option->check(examples::multiaddr())->excludes(listen_option);
  listen_option->check(examples::multiaddr());
  CLI11_PARSE(app, argc, argv);
  if (address.empty() && listen.empty()) {
    std::fprintf(stderr, "name an address to chat with, or --listen\n");
    return 1;
  }
  base::set_up_logging("warn");

  boost::asio::io_context io;
  base::SystemClock clock(io.get_executor());
  Room room(io.get_executor(), clock);
  libp2p::HostConfig config{.key = multiformats::PrivateKey::generate()};
  config.agent_version = "libp2p-example-chat";
  const auto host = libp2p::Host::create(io.get_executor(), clock, std::move(config));
  boost::asio::posix::stream_descriptor input(io, ::dup(STDIN_FILENO));
  examples::Stop stop(io, *host, [&input] { input.close(); });
  int exit_code = 0;
  if (!listen.empty()) {
    host->set_stream_handler(std::string(kChatProtocol), [&room](auto connection, auto stream) {
      return room.chat(std::move(connection), std::move(stream));
    });
    if (examples::listen(*host, listen)) {
      base::spawn(io.get_executor(), say_lines(input, room));
    } else {
      exit_code = 1;
      stop.request();
    }
  } else {
    base::spawn(io.get_executor(), dial(*host, stop, room, address, input, exit_code));
  }
  io.run();
  return exit_code;
}
