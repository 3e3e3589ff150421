// The messages of the rendezvous protocol (libp2p/specs rendezvous/README.md). Pure functions.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace libp2p::rendezvous {

inline constexpr std::string_view kProtocol = "/rendezvous/1.0.0";
/// As rust-libp2p has them.
inline constexpr std::size_t kMessageBytesMax = 1 << 20;
inline constexpr std::size_t kNamespaceBytesMax = 255;
inline constexpr std::size_t kCookieBytesMax = 512;
inline constexpr std::size_t kRegistrationsPerMessageMax = 1000;
/// Of a signed record: some dozens of addresses.
inline constexpr std::size_t kRecordBytesMax = 4096;
inline constexpr std::size_t kStatusTextBytesMax = 1024;
/// In seconds.
inline constexpr std::uint64_t kTtlDefault = 2 * 60 * 60;
inline constexpr std::uint64_t kTtlMax = 72 * 60 * 60;

enum class Kind : std::uint8_t {
  kRegister = 0,
  kRegisterResponse = 1,
  kUnregister = 2,
  kDiscover = 3,
  kDiscoverResponse = 4,
};

enum class Status : std::uint32_t {
  kOk = 0,
  kInvalidNamespace = 100,
  kInvalidSignedPeerRecord = 101,
  kInvalidTtl = 102,
  kInvalidCookie = 103,
  kNotAuthorised = 200,
  kInternalError = 300,
  kUnavailable = 400,
};

/// "the name is not one", for logs.
std::string_view name_of(Status status);

struct Registration {
  std::string name;                  ///< the namespace
  base::Bytes signed_record;         ///< an envelope, not verified
  std::optional<std::uint64_t> ttl;  ///< seconds
  friend bool operator==(const Registration&, const Registration&) = default;
};

/// One of them; which fields count depends on the kind.
struct Message {
  Kind kind = Kind::kRegister;
  Registration registration = {};                ///< kRegister
  std::string name = {};                         ///< kUnregister, kDiscover: empty for all
  std::optional<std::uint64_t> limit = {};       ///< kDiscover
  base::Bytes cookie = {};                       ///< kDiscover, kDiscoverResponse
  Status status = Status::kOk;                   ///< the responses; numbers that are not known are kInternalError
  std::string status_text = {};                  ///< the responses
  std::optional<std::uint64_t> ttl = {};         ///< kRegisterResponse
  std::vector<Registration> registrations = {};  ///< kDiscoverResponse
  friend bool operator==(const Message&, const Message&) = default;
};

base::Bytes serialise(const Message& message);

/// Error::kMalformedMessage, or kMessageTooLong for a field beyond its bound.
base::Result<Message> parse(base::ConstBytes bytes);

}  // namespace libp2p::rendezvous
