#include "libp2p/protocols/rendezvous/message.h"

#include "libp2p/core/error.h"
#include "libp2p/core/proto_fields.h"

namespace libp2p::rendezvous {

namespace {

/// Numbers of the fields of Message: its kind, then a field for each kind in their order.
constexpr std::uint32_t kKindField = 1;
constexpr std::uint32_t kFirstBodyField = 2;

using Read = base::Result<>;

template <class Field>
Read each_field(base::ConstBytes bytes, Field read) {
  ProtoReader reader(bytes);
  ProtoField field;
  for (;;) {
    const auto step = reader.next(field);
    if (step == ProtoReader::Step::kEnd) return {};
    if (step == ProtoReader::Step::kMalformed) return Error::kMalformedMessage;
    if (Read done = read(field); !done) return done;
  }
}

Read read_text(const ProtoField& field, std::size_t bytes_max, std::string& into) {
  if (!field.is_bytes) return Error::kMalformedMessage;
  if (field.bytes.size() > bytes_max) return Error::kMessageTooLong;
  into = base::as_text(field.bytes);
  return {};
}

Read read_bytes(const ProtoField& field, std::size_t bytes_max, base::Bytes& into) {
  if (!field.is_bytes) return Error::kMalformedMessage;
  if (field.bytes.size() > bytes_max) return Error::kMessageTooLong;
  into = base::to_bytes(field.bytes);
  return {};
}

Status status_of(std::uint64_t number) {
  switch (number) {
    case 0:
    case 100:
    case 101:
    case 102:
    case 103:
    case 200:
    case 300:
    case 400:
      return static_cast<Status>(number);
    default:
      return Status::kInternalError;
  }
}

Read read_registration(base::ConstBytes bytes, Registration& into) {
  return each_field(bytes, [&into](const ProtoField& field) -> Read {
    if (field.number == 1) return read_text(field, kNamespaceBytesMax, into.name);
    if (field.number == 2) return read_bytes(field, kRecordBytesMax, into.signed_record);
    if (field.number == 3) into.ttl = field.varint;
    return {};
  });
}

Read read_register_response(base::ConstBytes bytes, Message& into) {
  return each_field(bytes, [&into](const ProtoField& field) -> Read {
    if (field.number == 1) into.status = status_of(field.varint);
    if (field.number == 2) return read_text(field, kStatusTextBytesMax, into.status_text);
    if (field.number == 3) into.ttl = field.varint;
    return {};
  });
}

Read read_unregister(base::ConstBytes bytes, Message& into) {
  return each_field(bytes, [&into](const ProtoField& field) -> Read {
    if (field.number == 1) return read_text(field, kNamespaceBytesMax, into.name);
    return {};
  });
}

Read read_discover(base::ConstBytes bytes, Message& into) {
  return each_field(bytes, [&into](const ProtoField& field) -> Read {
    if (field.number == 1) return read_text(field, kNamespaceBytesMax, into.name);
    if (field.number == 2) into.limit = field.varint;
    if (field.number == 3) return read_bytes(field, kCookieBytesMax, into.cookie);
    return {};
  });
}

Read read_discover_response(base::ConstBytes bytes, Message& into) {
  return each_field(bytes, [&into](const ProtoField& field) -> Read {
    if (field.number == 1) {
      if (!field.is_bytes) return Error::kMalformedMessage;
      if (into.registrations.size() == kRegistrationsPerMessageMax) return Error::kMessageTooLong;
      return read_registration(field.bytes, into.registrations.emplace_back());
    }
    if (field.number == 2) return read_bytes(field, kCookieBytesMax, into.cookie);
    if (field.number == 3) into.status = status_of(field.varint);
    if (field.number == 4) return read_text(field, kStatusTextBytesMax, into.status_text);
    return {};
  });
}

Read read_body(base::ConstBytes bytes, Message& into) {
  switch (into.kind) {
    case Kind::kRegister:
      return read_registration(bytes, into.registration);
    case Kind::kRegisterResponse:
      return read_register_response(bytes, into);
    case Kind::kUnregister:
      return read_unregister(bytes, into);
    case Kind::kDiscover:
      return read_discover(bytes, into);
    case Kind::kDiscoverResponse:
      return read_discover_response(bytes, into);
  }
  return Error::kMalformedMessage;
}

base::Bytes serialise(const Registration& registration) {
  base::Bytes bytes;
  append_bytes_field(bytes, 1, base::as_bytes(registration.name));
  append_bytes_field(bytes, 2, registration.signed_record);
  if (registration.ttl) append_varint_field(bytes, 3, *registration.ttl);
  return bytes;
}

base::Bytes serialise_body(const Message& message) {
  base::Bytes bytes;
  switch (message.kind) {
    case Kind::kRegister:
      return serialise(message.registration);
    case Kind::kRegisterResponse:
      append_varint_field(bytes, 1, static_cast<std::uint32_t>(message.status));
      if (!message.status_text.empty()) append_bytes_field(bytes, 2, base::as_bytes(message.status_text));
      if (message.ttl) append_varint_field(bytes, 3, *message.ttl);
      break;
    case Kind::kUnregister:
      append_bytes_field(bytes, 1, base::as_bytes(message.name));
      break;
    case Kind::kDiscover:
      if (!message.name.empty()) append_bytes_field(bytes, 1, base::as_bytes(message.name));
      if (message.limit) append_varint_field(bytes, 2, *message.limit);
      if (!message.cookie.empty()) append_bytes_field(bytes, 3, message.cookie);
      break;
    case Kind::kDiscoverResponse:
      for (const Registration& each : message.registrations) append_bytes_field(bytes, 1, serialise(each));
      if (!message.cookie.empty()) append_bytes_field(bytes, 2, message.cookie);
      append_varint_field(bytes, 3, static_cast<std::uint32_t>(message.status));
      if (!message.status_text.empty()) append_bytes_field(bytes, 4, base::as_bytes(message.status_text));
      break;
  }
  return bytes;
}

}  // namespace

std::string_view name_of(Status status) {
  switch (status) {
    case Status::kOk:
      return "fine";
    case Status::kInvalidNamespace:
      return "the namespace is none, or too long";
    case Status::kInvalidSignedPeerRecord:
      return "the peer record is not signed as it should be, or not of who registers";
    case Status::kInvalidTtl:
      return "the time is too short or too long";
    case Status::kInvalidCookie:
      return "the cookie is of another time or namespace";
    case Status::kNotAuthorised:
      return "this point does not serve that peer";
    case Status::kInternalError:
      return "the point has failed";
    case Status::kUnavailable:
      return "the point takes no more";
  }
  return "unknown";
}

base::Bytes serialise(const Message& message) {
  base::Bytes bytes;
  const auto kind = static_cast<std::uint32_t>(message.kind);
  append_varint_field(bytes, kKindField, kind);
  append_bytes_field(bytes, kFirstBodyField + kind, serialise_body(message));
  return bytes;
}

base::Result<Message> parse(base::ConstBytes bytes) {
  Message message;
  std::optional<Kind> kind;
  // The kind may come behind what it is about, so it is looked for first.
  const Read found = each_field(bytes, [&kind](const ProtoField& field) -> Read {
    if (field.number != kKindField) return {};
    if (field.is_bytes || field.varint > static_cast<std::uint64_t>(Kind::kDiscoverResponse)) {
      return Error::kMalformedMessage;
    }
    kind = static_cast<Kind>(field.varint);
    return {};
  });
  if (!found) return found.error();
  if (!kind) return Error::kMalformedMessage;
  message.kind = *kind;
  bool has_body = false;
  const std::uint32_t body = kFirstBodyField + static_cast<std::uint32_t>(*kind);
  const Read read = each_field(bytes, [&](const ProtoField& field) -> Read {
    if (field.number != body) return {};
    if (!field.is_bytes || std::exchange(has_body, true)) return Error::kMalformedMessage;
    return read_body(field.bytes, message);
  });
  if (!read) return read.error();
  if (!has_body) return Error::kMalformedMessage;
  return message;
}

}  // namespace libp2p::rendezvous
