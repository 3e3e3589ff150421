#include "exchange/frame_receiver.h"

#include "base/log.h"
#include "exchange/exchange_error.h"
#include "wire/codec.h"
#include "wire/limits.h"

namespace kvp2p {

namespace {

base::Result<std::unique_ptr<FramePlace>> place_of(NodeContext& context, base::ConstBytes header_bytes,
                                                   FrameTarget& target) {
  const auto began = std::chrono::steady_clock::now();
  auto message = wire::decode(header_bytes);
  context.stats.deserialise_time += std::chrono::steady_clock::now() - began;
  if (!message) return message.error();
  auto* header = std::get_if<wire::FrameHeader>(&message->body);
  if (header == nullptr) return ExchangeError::kProtocolBroken;
  return target.place(message->id, std::move(*header));
}

}  // namespace

base::Task<> receive_frames(std::shared_ptr<NodeContext> context, std::shared_ptr<DataStream> stream,
                            FrameTarget& target, [[maybe_unused]] std::shared_ptr<void> keep) {
  while (!stream->dead) {
    auto header = co_await libp2p::read_length_prefixed_or_eof(*stream->stream, wire::kFrameHeaderBytesMax);
    if (!header || !*header) break;
    auto place = place_of(*context, **header, target);
    if (!place) {
      LOG_DEBUG("data stream {} is reset: {}", stream->number, place.error().message());
      break;
    }
    auto read = co_await libp2p::read_exact(*stream->stream, (*place)->payload());
    if (!read) break;
    context->stats.bytes_received += (*place)->payload().size();
    (*place)->complete();
  }
  stream->reset();
}

}  // namespace kvp2p
