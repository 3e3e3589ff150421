// Two hosts in one process: one greets, the other prints the greeting.
#include "all_headers.h"

#include <iostream>

namespace {

base::Task<> greet(std::shared_ptr<libp2p::Connection>, std::unique_ptr<libp2p::Stream> stream) {
  (void)co_await stream->write(base::as_bytes("hello\n"));
  (void)co_await stream->close_write();
}

base::Task<> run(libp2p::Host& greeter, libp2p::Host& guest, bool& greeted) {
  greeter.set_stream_handler("/greeting/1.0.0", greet);
  const auto listening = greeter.listen(multiformats::Multiaddr::from_text("/ip4/127.0.0.1/tcp/0").value());
  std::vector<multiformats::Multiaddr> addresses{listening.value()};
  auto connection = co_await guest.connect(greeter.peer_id(), std::move(addresses));
  std::vector<std::string> protocols{"/greeting/1.0.0"};
  auto stream = co_await connection.value()->new_stream(std::move(protocols));
  base::Bytes text(6);
  auto read = co_await libp2p::read_exact(*stream.value().stream, text);
  greeted = read && base::as_text(text) == "hello\n";
  std::cout << base::as_text(text);
  co_await guest.close();
  co_await greeter.close();
}

}  // namespace

int main() {
  boost::asio::io_context io;
  base::SystemClock clock(io.get_executor());
  const auto greeter = libp2p::Host::create(io.get_executor(), clock, {.key = multiformats::PrivateKey::generate()});
  const auto guest = libp2p::Host::create(io.get_executor(), clock, {.key = multiformats::PrivateKey::generate()});
  bool greeted = false;
  base::spawn(io.get_executor(), run(*greeter, *guest, greeted));
  io.run();
  return greeted ? 0 : 1;
}
