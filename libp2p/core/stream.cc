#include "libp2p/core/stream.h"

#include "libp2p/core/error.h"
#include "multiformats/varint.h"

namespace libp2p {

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

base::Task<base::Result<base::Bytes>> read_length_prefixed(Stream& stream, std::size_t bytes_max) {
  base::Bytes prefix;
  std::uint64_t length = 0;
  for (;;) {
    std::uint8_t byte = 0;
    auto read = co_await read_exact(stream, base::MutableBytes(&byte, 1));
    if (!read) co_return read.error();
    prefix.push_back(byte);
    if (byte & 0x80 && prefix.size() < multiformats::kUvarintBytesMax) continue;
    auto parsed = multiformats::read_uvarint(prefix);
    if (!parsed) co_return Error::kMalformedMessage;
    length = parsed->value;
    break;
  }
  if (length > bytes_max) co_return Error::kMessageTooLong;
  base::Bytes message(length);
  auto read = co_await read_exact(stream, message);
  if (!read) co_return read.error();
  co_return message;
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
