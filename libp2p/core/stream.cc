#include "libp2p/core/stream.h"

#include "libp2p/core/error.h"
#include "multiformats/varint.h"

#include <array>

namespace libp2p {

base::Task<> Stream::wait_readable() { co_return; }

base::Task<base::Result<>> Stream::write_gather(std::span<const base::ConstBytes> buffers) {
  for (base::ConstBytes buffer : buffers) {
    auto written = co_await write(buffer);
    if (!written) co_return written;
  }
  co_return base::Result<>();
}

base::Task<base::Result<>> read_exact(Stream& stream, base::MutableBytes into) {
  while (!into.empty()) {
    auto count = co_await stream.read_some(into);
    if (!count) co_return count.error();
    if (*count == 0) co_return Error::kUnexpectedEof;
    into = into.subspan(*count);
  }
  co_return base::Result<>();
}

base::Task<base::Result<std::optional<base::Bytes>>> read_length_prefixed_or_eof(Stream& stream,
                                                                                 std::size_t bytes_max) {
  std::array<std::uint8_t, multiformats::kUvarintBytesMax> prefix;
  std::size_t prefix_size = 0;
  do {
    auto count = co_await stream.read_some(base::MutableBytes(&prefix[prefix_size], 1));
    if (!count) co_return count.error();
    if (*count == 0 && prefix_size == 0) co_return std::nullopt;
    if (*count == 0) co_return Error::kUnexpectedEof;
    ++prefix_size;
  } while ((prefix[prefix_size - 1] & 0x80) != 0 && prefix_size < prefix.size());
  const auto length = multiformats::read_uvarint(base::ConstBytes(prefix.data(), prefix_size));
  if (!length) co_return Error::kMalformedMessage;
  if (length->value > bytes_max) co_return Error::kMessageTooLong;
  base::Bytes message(length->value);
  auto read = co_await read_exact(stream, message);
  if (!read) co_return read.error();
  co_return message;
}

base::Task<base::Result<base::Bytes>> read_length_prefixed(Stream& stream, std::size_t bytes_max) {
  auto message = co_await read_length_prefixed_or_eof(stream, bytes_max);
  if (!message) co_return message.error();
  if (!*message) co_return Error::kUnexpectedEof;
  co_return std::move(**message);
}

base::Task<base::Result<>> write_length_prefixed(Stream& stream, base::ConstBytes message) {
  base::Bytes framed;
  framed.reserve(message.size() + multiformats::kUvarintBytesMax);
  multiformats::append_uvarint(framed, message.size());
  base::append(framed, message);
  auto written = co_await stream.write(framed);
  co_return written;
}

}  // namespace libp2p
