// What a node that wants to know whether it can be reached says to one that tries (libp2p/specs autonat/autonat-v2.md,
// "RPC Messages"). Pure.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "multiformats/multiaddr.h"

#include <cstdint>
#include <variant>
#include <vector>

namespace libp2p::autonat {

inline constexpr const char* kDialRequestProtocol = "/libp2p/autonat/2/dial-request";
inline constexpr const char* kDialBackProtocol = "/libp2p/autonat/2/dial-back";

/// Of one message, without its length.
inline constexpr std::size_t kMessageBytesMax = 8 * 1024;
/// Addresses of one request; further ones are passed over.
inline constexpr std::size_t kRequestAddressesMax = 50;
/// Of one message of dial data.
inline constexpr std::size_t kDialDataBytesMax = 4096;

struct DialRequest {
  /// Those that cannot be read are empty, so that the others keep their places.
  std::vector<multiformats::Multiaddr> addresses = {};
  std::uint64_t nonce = 0;
  friend bool operator==(const DialRequest&, const DialRequest&) = default;
};

enum class ResponseStatus : std::uint32_t { kInternalError = 0, kRequestRejected = 100, kDialRefused = 101, kOk = 200 };
enum class DialStatus : std::uint32_t { kUnused = 0, kDialError = 100, kDialBackError = 101, kOk = 200 };

struct DialResponse {
  ResponseStatus status = ResponseStatus::kInternalError;
  std::uint32_t address_index = 0;
  DialStatus dial_status = DialStatus::kUnused;
  friend bool operator==(const DialResponse&, const DialResponse&) = default;
};

struct DialDataRequest {
  std::uint32_t address_index = 0;
  std::uint64_t bytes = 0;
  friend bool operator==(const DialDataRequest&, const DialDataRequest&) = default;
};

/// Bytes that say nothing.
struct DialDataResponse {
  std::size_t bytes = 0;
  friend bool operator==(const DialDataResponse&, const DialDataResponse&) = default;
};

using Message = std::variant<DialRequest, DialResponse, DialDataRequest, DialDataResponse>;

/// Error::kMessageTooLong; Error::kMalformedMessage if it is no protobuf of this shape, or none of the four.
base::Result<Message> parse_message(base::ConstBytes bytes);
base::Bytes serialise(const Message& message);

/// The nonce of a DialBack. Errors as above.
base::Result<std::uint64_t> parse_dial_back(base::ConstBytes bytes);
base::Bytes serialise_dial_back(std::uint64_t nonce);
/// Whether the DialBackResponse says OK. Errors as above.
base::Result<> parse_dial_back_response(base::ConstBytes bytes);
base::Bytes serialise_dial_back_response();

}  // namespace libp2p::autonat
