// Messages to bytes and back (docs/protocol.md). Pure functions.
//
// A message is msgpack: [number, id, {field number: value, …}]. Field numbers ascend; unknown ones are skipped, so that
// fields can be added; a field with its initial value is left out.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "wire/messages.h"

namespace kvp2p::wire {

/// The outside of a message: who must be answered, even where the inside makes no sense.
struct Envelope {
  std::uint64_t number = 0;
  std::uint64_t id = 0;
  base::ConstBytes fields;  // of the bytes that were decoded
};

/// The number of messages of that kind: their place in Body, from 1 on.
template <class T>
constexpr std::uint64_t number_of() {
  return []<std::size_t... I>(std::index_sequence<I...>) {
    std::uint64_t number = 0;
    ((std::is_same_v<T, std::variant_alternative_t<I, Body>> ? number = I + 1 : 0), ...);
    return number;
  }(std::make_index_sequence<std::variant_size_v<Body>>());
}

/// Without length prefix.
base::Bytes encode(const Message& message);
/// Behind its length as an unsigned varint, as it goes into a stream.
base::Bytes encode_framed(const Message& message);

/// An error means that the sender does not speak this protocol.
base::Result<Envelope> decode_envelope(base::ConstBytes bytes);
/// WireError::kUnknownMessage for a number from a later version. All bounds of wire/limits.h hold for what it returns.
base::Result<Body> decode_body(const Envelope& envelope);
/// Both. Bounds on the whole message are the caller's: it knows which stream it came from.
base::Result<Message> decode(base::ConstBytes bytes);

/// For logs and documents: "lookup_answer".
std::string_view name_of(const Body& body);

}  // namespace kvp2p::wire
