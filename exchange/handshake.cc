#include "exchange/handshake.h"

#include "exchange/exchange_error.h"
#include "wire/codec.h"
#include "wire/limits.h"

#include <algorithm>

namespace kvp2p {

namespace {

base::Task<base::Result<>> send(libp2p::Stream& stream, wire::Body body) {
  wire::Message message;
  message.body = std::move(body);
  const base::Bytes framed = wire::encode_framed(message);
  co_return co_await stream.write(framed);
}

template <class T>
base::Task<base::Result<T>> receive(libp2p::Stream& stream) {
  auto message = co_await read_first_message(stream);
  if (!message) co_return message.error();
  if (auto* body = std::get_if<T>(&message->body)) co_return std::move(*body);
  if (std::holds_alternative<wire::ErrorMessage>(message->body)) co_return ExchangeError::kOtherVersion;
  co_return ExchangeError::kProtocolBroken;
}

/// One hello, from the moment when both nonces are known.
class Hello {
 public:
  Hello(libp2p::Stream& stream, const HelloParameters& parameters, HelloRole role, const wire::Nonce& nonce,
        const wire::Hello& theirs)
      : stream_(stream), parameters_(parameters), role_(role) {
    const bool opener = role == HelloRole::kOpener;
    transcript_.opener = opener ? parameters.local_peer : parameters.remote_peer;
    transcript_.acceptor = opener ? parameters.remote_peer : parameters.local_peer;
    transcript_.opener_nonce = opener ? nonce : theirs.nonce;
    transcript_.acceptor_nonce = opener ? theirs.nonce : nonce;
    outcome_.theirs = theirs;
  }

  wire::HelloProof our_proof() const {
    wire::HelloProof proof;
    if (!parameters_.cluster_key.empty()) {
      proof.mac = cluster_proof(parameters_.cluster_key, transcript_, role_);
    }
    return proof;
  }

  base::Task<base::Result<HelloOutcome>> finish() {
    auto proof = co_await receive<wire::HelloProof>(stream_);
    if (!proof) co_return proof.error();
    wire::HelloResult ours = judge(*proof);
    auto sent = co_await send(stream_, std::move(ours));
    if (!sent) co_return sent.error();
    auto theirs = co_await receive<wire::HelloResult>(stream_);
    if (!theirs) co_return theirs.error();
    outcome_.we_are_authorised = theirs->authorised;
    if (theirs->session) outcome_.session_from_peer = *theirs->session;
    if (!theirs->authorised) outcome_.reason = theirs->reason;
    co_return std::move(outcome_);
  }

 private:
  wire::HelloResult judge(const wire::HelloProof& proof) {
    const HelloRole prover = role_ == HelloRole::kOpener ? HelloRole::kAcceptor : HelloRole::kOpener;
    wire::HelloResult result;
    bool holds_key = parameters_.trusted;
    if (!holds_key) {
      if (!proof.mac) {
        result.reason = "this node is closed, and you sent no proof of a cluster key: give both nodes the same one";
      } else if (parameters_.cluster_key.empty() ||
                 !cluster_proof_fits(parameters_.cluster_key, transcript_, prover, *proof.mac)) {
        result.reason = "the cluster keys differ: give both nodes the same one";
      } else {
        holds_key = true;
      }
    }
    result.authorised =
        parameters_.access != nullptr ? parameters_.access->admits(parameters_.remote_peer, holds_key) : holds_key;
    if (result.authorised) {
      result.reason.clear();
    } else if (holds_key) {
      result.reason = "this node's cluster file grants you nothing: add your peer id to a grant";
    }
    outcome_.peer_holds_key = holds_key;
    if (result.authorised) {
      base::random_bytes(result.session.emplace());
      outcome_.session_for_peer = *result.session;
    }
    outcome_.peer_authorised = result.authorised;
    outcome_.reason = result.reason;
    return result;
  }

  libp2p::Stream& stream_;
  const HelloParameters& parameters_;
  HelloRole role_;
  HelloTranscript transcript_;
  HelloOutcome outcome_;
};

bool speaks_our_version(const wire::Hello& theirs) {
  return std::find(theirs.versions.begin(), theirs.versions.end(), wire::kVersion) != theirs.versions.end();
}

base::Task<base::Result<>> refuse_version(libp2p::Stream& stream) {
  wire::ErrorMessage error;
  error.code = static_cast<std::uint32_t>(wire::ErrorCode::kUnsupported);
  error.reason = "this node speaks version 1 only";
  auto sent = co_await send(stream, std::move(error));
  if (!sent) co_return sent.error();
  // A reset could overtake the message: the peer ends the stream once it has read it.
  auto closed = co_await stream.close_write();
  if (!closed) co_return closed.error();
  auto end = co_await libp2p::read_length_prefixed_or_eof(stream, wire::kFirstMessageBytesMax);
  co_return base::Result<>();
}

}  // namespace

base::Task<base::Result<wire::Message>> read_first_message(libp2p::Stream& stream) {
  auto bytes = co_await libp2p::read_length_prefixed(stream, wire::kFirstMessageBytesMax);
  if (!bytes) co_return bytes.error();
  co_return wire::decode(*bytes);
}

base::Task<base::Result<HelloOutcome>> open_hello(libp2p::Stream& stream, const HelloParameters& parameters) {
  wire::Hello ours = parameters.hello;
  base::random_bytes(ours.nonce);
  auto sent = co_await send(stream, ours);
  if (!sent) co_return sent.error();
  auto theirs = co_await receive<wire::Hello>(stream);
  if (!theirs) co_return theirs.error();
  if (!speaks_our_version(*theirs)) co_return ExchangeError::kOtherVersion;
  Hello hello(stream, parameters, HelloRole::kOpener, ours.nonce, *theirs);
  wire::HelloProof proof = hello.our_proof();
  sent = co_await send(stream, std::move(proof));
  if (!sent) co_return sent.error();
  co_return co_await hello.finish();
}

base::Task<base::Result<HelloOutcome>> accept_hello(libp2p::Stream& stream, const HelloParameters& parameters,
                                                    wire::Hello theirs) {
  if (!speaks_our_version(theirs)) {
    co_await refuse_version(stream);
    co_return ExchangeError::kOtherVersion;
  }
  wire::Hello ours = parameters.hello;
  base::random_bytes(ours.nonce);
  auto sent = co_await send(stream, ours);
  if (!sent) co_return sent.error();
  Hello hello(stream, parameters, HelloRole::kAcceptor, ours.nonce, theirs);
  wire::HelloProof proof = hello.our_proof();
  sent = co_await send(stream, std::move(proof));
  if (!sent) co_return sent.error();
  co_return co_await hello.finish();
}

}  // namespace kvp2p
