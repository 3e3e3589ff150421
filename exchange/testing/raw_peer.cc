#include "exchange/testing/raw_peer.h"

#include "base/task.h"
#include "wire/codec.h"
#include "wire/limits.h"

#include <gtest/gtest.h>

namespace kvp2p::testing {

namespace {

template <class T>
base::Task<> store(base::Task<T> task, std::shared_ptr<std::optional<T>> into) {
  into->emplace(co_await std::move(task));
}

template <class T>
std::shared_ptr<std::optional<T>> start(boost::asio::io_context& io, base::Task<T> task) {
  auto result = std::make_shared<std::optional<T>>();
  base::spawn(io.get_executor(), store(std::move(task), result));
  io.restart();
  io.poll();
  return result;
}

base::Task<base::Result<>> write_all(libp2p::Stream& stream, base::Bytes bytes) {
  co_return co_await stream.write(bytes);
}

base::Task<base::Result<base::Bytes>> read_count(libp2p::Stream& stream, std::size_t count) {
  base::Bytes bytes(count);
  auto read = co_await libp2p::read_exact(stream, bytes);
  if (!read) co_return read.error();
  co_return bytes;
}

}  // namespace

std::unique_ptr<libp2p::Stream> RawPeer::open(const FakeHost& node) {
  auto connection = host.connection_to(node);
  if (!connection) return nullptr;
  std::vector<std::string> protocols{std::string(wire::kProtocolId)};
  auto opened = start(io_, connection->new_stream(protocols));
  if (!*opened || !**opened) return nullptr;
  return std::move((**opened)->stream);
}

void RawPeer::send(libp2p::Stream& stream, std::uint64_t id, wire::Body body) {
  wire::Message message{id, std::move(body)};
  send_bytes(stream, wire::encode_framed(message));
}

void RawPeer::send_bytes(libp2p::Stream& stream, base::Bytes bytes) { start(io_, write_all(stream, std::move(bytes))); }

std::optional<wire::Message> RawPeer::receive(libp2p::Stream& stream) {
  // A read that waits is left behind: the stream is reset so that it ends.
  auto read = start(io_, libp2p::read_length_prefixed(stream, wire::kControlMessageBytesMax));
  if (!*read) {
    stream.reset();
    poll();
    return std::nullopt;
  }
  if (!**read) return std::nullopt;
  auto message = wire::decode(***read);
  EXPECT_TRUE(message) << message.error().message();
  if (!message) return std::nullopt;
  return std::move(*message);
}

std::optional<base::Bytes> RawPeer::receive_bytes(libp2p::Stream& stream, std::size_t count) {
  auto read = start(io_, read_count(stream, count));
  if (!*read) {
    stream.reset();
    poll();
    return std::nullopt;
  }
  if (!**read) return std::nullopt;
  return std::move(***read);
}

bool RawPeer::is_ended(libp2p::Stream& stream) {
  auto read = start(io_, read_count(stream, 1));
  if (!*read) {
    stream.reset();
    poll();
    return false;
  }
  return !**read;
}

RawPeer::Hello RawPeer::say_hello(
    const FakeHost& node, base::Bytes key,
    std::function<wire::HelloProof(const HelloTranscript&, const wire::HelloProof&)> forge) {
  Hello hello;
  hello.control = open(node);
  wire::Hello ours;
  ours.versions = {wire::kVersion};
  ours.capabilities = capabilities;
  ours.epoch = 99;
  ours.limits.keys_max = wire::kKeysMax;
  base::random_bytes(ours.nonce);
  send(*hello.control, 0, ours);
  auto theirs = receive(*hello.control);
  auto proof = receive(*hello.control);
  if (!theirs || !proof) return hello;
  hello.theirs = std::get<wire::Hello>(theirs->body);
  hello.their_proof = std::get<wire::HelloProof>(proof->body);
  const HelloTranscript transcript{host.peer_id(), node.peer_id(), ours.nonce, hello.theirs.nonce};
  wire::HelloProof answer;
  if (!key.empty()) answer.mac = cluster_proof(key, transcript, HelloRole::kOpener);
  if (forge) answer = forge(transcript, hello.their_proof);
  send(*hello.control, 0, answer);
  wire::HelloResult accepted;
  accepted.authorised = true;
  accepted.session.emplace();
  send(*hello.control, 0, accepted);
  if (auto result = receive(*hello.control)) hello.result = std::get<wire::HelloResult>(result->body);
  return hello;
}

std::unique_ptr<libp2p::Stream> RawPeer::open_data(const FakeHost& node, const wire::SessionId& session,
                                                   std::uint32_t number) {
  auto stream = open(node);
  wire::StreamOpen first;
  first.session = session;
  first.number = number;
  send(*stream, 0, first);
  return stream;
}

}  // namespace kvp2p::testing
