#include "libp2p/negotiation/multistream_message.h"

#include "libp2p/core/error.h"
#include "multiformats/errors.h"
#include "multiformats/varint.h"

#include <cassert>

namespace libp2p {

namespace {

constexpr std::string_view kNotAvailable = "na";
constexpr std::string_view kList = "ls";

void append_line(base::Bytes& to, std::string_view text) {
  multiformats::append_uvarint(to, text.size() + 1);
  base::append(to, base::as_bytes(text));
  to.push_back('\n');
}

}  // namespace

bool is_multistream_protocol(std::string_view id) {
  return id.starts_with('/') && id.size() < kMultistreamLineMaxBytes && id.find('\n') == std::string_view::npos;
}

void append_multistream_message(base::Bytes& to, const MultistreamMessage& message) {
  switch (message.kind) {
    case MultistreamMessage::Kind::kHeader:
      append_line(to, kMultistreamHeader);
      return;
    case MultistreamMessage::Kind::kNotAvailable:
      append_line(to, kNotAvailable);
      return;
    case MultistreamMessage::Kind::kList:
      append_line(to, kList);
      return;
    case MultistreamMessage::Kind::kProtocol:
      assert(is_multistream_protocol(message.protocol));
      append_line(to, message.protocol);
      return;
  }
}

void append_multistream_list(base::Bytes& to, std::span<const std::string> protocols) {
  base::Bytes lines;
  for (const std::string& protocol : protocols) append_line(lines, protocol);
  lines.push_back('\n');
  multiformats::append_uvarint(to, lines.size());
  base::append(to, lines);
}

base::Result<std::size_t> parse_multistream_length(base::ConstBytes prefix) {
  auto length = multiformats::read_uvarint(prefix.first(std::min(prefix.size(), kMultistreamPrefixMaxBytes)));
  if (!length) {
    if (length.error() != multiformats::Errc::kIncomplete) return Error::kMalformedMessage;
    if (prefix.size() >= kMultistreamPrefixMaxBytes) return Error::kMessageTooLong;
    return length.error();
  }
  if (length->value > kMultistreamLineMaxBytes) return Error::kMessageTooLong;
  if (length->value == 0) return Error::kMalformedMessage;  // there is no room for the newline
  return static_cast<std::size_t>(length->value);
}

base::Result<MultistreamMessage> parse_multistream_message(base::ConstBytes line) {
  if (line.empty() || line.back() != '\n') return Error::kMalformedMessage;
  const std::string_view text = base::as_text(line.first(line.size() - 1));
  MultistreamMessage message;
  if (text == kMultistreamHeader) {
    message.kind = MultistreamMessage::Kind::kHeader;
  } else if (text == kNotAvailable) {
    message.kind = MultistreamMessage::Kind::kNotAvailable;
  } else if (text == kList) {
    message.kind = MultistreamMessage::Kind::kList;
  } else if (is_multistream_protocol(text)) {
    message.kind = MultistreamMessage::Kind::kProtocol;
    message.protocol = text;
  } else {
    return Error::kMalformedMessage;
  }
  return message;
}

}  // namespace libp2p
