#include "libp2p/negotiation/negotiate.h"

#include "libp2p/core/error.h"
#include "libp2p/negotiation/multistream_message.h"
#include "multiformats/errors.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace libp2p {

namespace {

using Kind = MultistreamMessage::Kind;

/// One line as it is read, and not a byte more: the length byte by byte, then exactly what it says.
struct LineReader {
  std::array<std::uint8_t, kMultistreamLineMaxBytes> buffer;
  std::size_t have = 0;

  /// Whether the line's first byte has come already; it is taken.
  bool has_begun(Stream& stream) {
    have = stream.read_available(base::MutableBytes(buffer.data(), 1));
    return have > 0;
  }
  base::Task<base::Result<MultistreamMessage>> finish(Stream& stream) {
    const base::MutableBytes bytes(buffer);
    base::Result<std::size_t> length = parse_multistream_length(bytes.first(have));
    while (!length && length.error() == multiformats::Errc::kIncomplete) {
      auto read = co_await read_exact(stream, bytes.subspan(have, 1));
      if (!read) co_return read.error();
      length = parse_multistream_length(bytes.first(++have));
    }
    if (!length) co_return length.error();
    const base::MutableBytes line = bytes.first(*length);
    auto read = co_await read_exact(stream, line);
    if (!read) co_return read.error();
    co_return parse_multistream_message(line);
  }
};

base::Task<base::Result<MultistreamMessage>> read_message(Stream& stream) {
  LineReader line;
  co_return co_await line.finish(stream);
}

base::Task<base::Result<>> read_header(Stream& stream) {
  auto header = co_await read_message(stream);
  if (!header) co_return header.error();
  if (header->kind != Kind::kHeader) co_return Error::kProtocolViolation;
  co_return base::Result<>();
}

/// Error::kProtocolNotSupported if the answer is no.
base::Task<base::Result<>> read_answer(Stream& stream, std::string protocol) {
  auto answer = co_await read_message(stream);
  if (!answer) co_return answer.error();
  if (answer->kind == Kind::kNotAvailable) co_return Error::kProtocolNotSupported;
  if (answer->kind != Kind::kProtocol || answer->protocol != protocol) co_return Error::kProtocolViolation;
  co_return base::Result<>();
}

base::Bytes encode(Kind kind, std::string protocol = {}) {
  base::Bytes bytes;
  append_multistream_message(bytes, {kind, std::move(protocol)});
  return bytes;
}

}  // namespace

base::Bytes encode_proposal(const std::string& protocol) {
  base::Bytes bytes = encode(Kind::kHeader);
  append_multistream_message(bytes, {Kind::kProtocol, protocol});
  return bytes;
}

base::Task<base::Result<>> read_agreement(Stream& stream, std::string protocol) {
  auto header = co_await read_header(stream);
  if (!header) co_return header;
  co_return co_await read_answer(stream, std::move(protocol));
}

base::Task<base::Result<std::string>> negotiate_outbound(Stream& stream, std::vector<std::string> protocols) {
  assert(!protocols.empty());
  bool header_read = false;
  for (const std::string& protocol : protocols) {
    const base::Bytes out = header_read ? encode(Kind::kProtocol, protocol) : encode_proposal(protocol);
    auto written = co_await stream.write(out);
    if (!written) co_return written.error();
    if (!header_read) {
      auto header = co_await read_header(stream);
      if (!header) co_return header.error();
      header_read = true;
    }
    auto agreed = co_await read_answer(stream, protocol);
    if (agreed) co_return protocol;
    if (agreed.error() != Error::kProtocolNotSupported) co_return agreed.error();
  }
  co_return Error::kProtocolNotSupported;
}

base::Task<base::Result<std::string>> negotiate_inbound(Stream& stream, std::vector<std::string> supported) {
  auto header = co_await read_header(stream);
  if (!header) co_return header.error();
  base::Bytes out = encode(Kind::kHeader);
  for (std::size_t proposals = 0; proposals < kMultistreamProposalsMax; ++proposals) {
    // A dialler may wait for the header before it proposes; if the proposal is here already, one write answers both.
    LineReader line;
    if (!line.has_begun(stream)) {
      auto written = co_await stream.write(out);
      if (!written) co_return written.error();
      out.clear();
    }
    auto message = co_await line.finish(stream);
    if (!message) co_return message.error();
    if (message->kind == Kind::kList) {
      append_multistream_list(out, supported);
    } else if (message->kind != Kind::kProtocol) {
      co_return Error::kProtocolViolation;
    } else if (std::find(supported.begin(), supported.end(), message->protocol) == supported.end()) {
      append_multistream_message(out, {Kind::kNotAvailable, {}});
    } else {
      append_multistream_message(out, {Kind::kProtocol, message->protocol});
      auto agreed = co_await stream.write(out);
      if (!agreed) co_return agreed.error();
      co_return std::move(message->protocol);
    }
  }
  co_return Error::kProtocolNotSupported;
}

}  // namespace libp2p
