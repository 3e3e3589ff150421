#include "libp2p/core/message_reader.h"

#include "libp2p/core/error.h"
#include "libp2p/core/scoped_deadline.h"
#include "multiformats/varint.h"

#include <algorithm>
#include <array>

namespace libp2p {

namespace {

constexpr std::size_t kGrowthBytes = 16 * 1024;

/// The rest of a message whose first byte has come.
base::Task<base::Result<base::Bytes>> read_rest(Stream& stream, std::uint8_t first, std::size_t bytes_max) {
  std::array<std::uint8_t, multiformats::kUvarintBytesMax> prefix{first};
  std::size_t size = 1;
  while ((prefix[size - 1] & 0x80) != 0) {
    if (size == prefix.size()) co_return Error::kMalformedMessage;
    auto read = co_await read_exact(stream, base::MutableBytes(&prefix[size], 1));
    if (!read) co_return read.error();
    ++size;
  }
  const auto length = multiformats::read_uvarint(base::ConstBytes(prefix.data(), size));
  if (!length) co_return Error::kMalformedMessage;
  if (length->value > bytes_max) co_return Error::kMessageTooLong;
  base::Bytes message;
  while (message.size() < length->value) {
    const std::size_t at = message.size();
    // At least doubled, so that a long one is not copied again and again.
    message.resize(std::min<std::size_t>(length->value, at + std::max(at, kGrowthBytes)));
    auto read = co_await read_exact(stream, base::MutableBytes(message).subspan(at));
    if (!read) co_return read.error();
  }
  co_return message;
}

}  // namespace

base::Task<base::Result<std::optional<base::Bytes>>> read_message(Stream& stream, base::Clock& clock,
                                                                  std::size_t bytes_max) {
  std::uint8_t first = 0;
  auto count = co_await stream.read_some(base::MutableBytes(&first, 1));
  if (!count) co_return count.error();
  if (*count == 0) co_return std::nullopt;
  ScopedDeadline deadline(clock, clock.now() + kMessageTimeout, [&stream] { stream.reset(); });
  auto rest = co_await read_rest(stream, first, bytes_max);
  if (deadline.expired()) co_return Error::kTimeout;
  if (!rest) co_return rest.error();
  co_return std::optional<base::Bytes>(std::move(*rest));
}

}  // namespace libp2p
