#include "exchange/put_client.h"

#include "exchange/exchange_error.h"
#include "exchange/lookup_messages.h"
#include "exchange/wire_errors.h"
#include "libp2p/core/scoped_deadline.h"
#include "wire/codec.h"
#include "wire/limits.h"
#include "wire/validate.h"

#include <algorithm>

namespace kvp2p {

namespace {

/// The body that was asked for, or why there is none.
template <class T>
base::Result<T> expect(base::Result<wire::Body> answer) {
  if (!answer) return answer.error();
  if (auto* body = std::get_if<T>(&*answer)) return std::move(*body);
  if (auto* error = std::get_if<wire::ErrorMessage>(&*answer)) return error_of(*error);
  if (std::holds_alternative<wire::Busy>(*answer)) return ExchangeError::kBusy;
  return ExchangeError::kProtocolBroken;
}

base::Result<wire::Put> make_put(LookupRequest description, const std::vector<Exchange::PutBlock>& blocks,
                                 base::Duration time) {
  wire::Put put;
  put.fingerprint = description.fingerprint;
  put.model_fields = std::move(description.model_fields);
  put.format = description.format;
  put.time_ms = to_wire_ms(time);
  for (const auto& block : blocks) put.keys.push_back(block.key);
  if (put.keys.size() > wire::kKeysMax || !wire::is_consistent(put)) return ExchangeError::kBadRequest;
  for (const auto& block : blocks) {
    if (block.bytes.size() != put.format.block_bytes() || block.leaves.size() != put.format.leaf_count()) {
      return ExchangeError::kBadRequest;
    }
  }
  return put;
}

/// Sends one block in frames of whole layers.
base::Task<base::Result<>> send_block(NodeContext& context, Lane& stream, std::uint64_t id, const ObjectFormat& format,
                                      std::uint32_t index, const Exchange::PutBlock& block,
                                      std::size_t layers_per_frame) {
  const std::size_t slice = format.layer_slice_bytes();
  const std::size_t heads = format.shard.heads();
  for (std::uint32_t done = 0; done < format.shard.layers();) {
    const auto layers =
        static_cast<std::uint32_t>(std::min<std::size_t>(layers_per_frame, format.shard.layers() - done));
    wire::FrameHeader header;
    header.first_block = index;
    header.blocks = 1;
    header.layer = format.shard.layer_begin + done;
    header.layers = layers;
    header.length = static_cast<std::uint32_t>(layers * slice);
    const auto first_leaf = block.leaves.begin() + static_cast<std::ptrdiff_t>(done * heads);
    header.leaves.assign(first_leaf, first_leaf + static_cast<std::ptrdiff_t>(layers * heads));
    wire::Message message;
    message.id = id;
    message.body = std::move(header);
    const base::Bytes framed = wire::encode_framed(message);
    const std::array<base::ConstBytes, 2> parts = {framed, block.bytes.subspan(done * slice, layers * slice)};
    auto written = co_await stream.stream().write_gather(parts);
    if (!written) co_return written.error();
    context.stats.bytes_sent += layers * slice;
    context.stats.wire_bytes_sent += layers * slice;
    done += layers;
  }
  co_return base::Result<>();
}

}  // namespace

base::Task<base::Result<std::size_t>> put_blocks(std::shared_ptr<NodeContext> context, SessionLink& link,
                                                 Mailboxes& mailboxes, LookupRequest description,
                                                 std::vector<Exchange::PutBlock> blocks, base::TimePoint deadline,
                                                 [[maybe_unused]] std::shared_ptr<void> keep) {
  if (blocks.empty()) co_return std::size_t{0};
  auto put = make_put(std::move(description), blocks, deadline - context->clock.now());
  if (!put) co_return put.error();
  const ObjectFormat format = put->format;
  const std::uint64_t id = link.next_id();
  auto mailbox = mailboxes.open(id);
  if (!mailbox) co_return ExchangeError::kTooManyRequests;
  wire::Put offer = std::move(*put);
  link.send(id, std::move(offer));
  auto answered = co_await mailbox->next(context->clock, deadline);
  auto answer = expect<wire::PutAnswer>(std::move(answered));
  if (!answer) co_return answer.error();
  if (answer->wanted.size() != blocks.size()) co_return ExchangeError::kProtocolBroken;
  if (std::find(answer->wanted.begin(), answer->wanted.end(), true) == answer->wanted.end()) co_return std::size_t{0};
  const std::size_t frame_bytes = std::min<std::size_t>(answer->frame_bytes_max, context->config.frame_bytes_max);
  const std::size_t layers_per_frame = std::max<std::size_t>(
      1, std::min(frame_bytes / format.layer_slice_bytes(), wire::kFrameLeavesMax / format.shard.heads()));

  auto stream = co_await link.acquire_stream();
  if (!stream) co_return stream.error();
  std::shared_ptr<Lane> data = *stream;
  libp2p::ScopedDeadline timer(context->clock, deadline, [data] { data->reset(); });
  base::Result<> sent;
  for (std::size_t i = 0; i < blocks.size() && sent; ++i) {
    if (!answer->wanted[i]) continue;
    sent = co_await send_block(*context, *data, id, format, static_cast<std::uint32_t>(i), blocks[i], layers_per_frame);
  }
  // A peer that stops the put says why before it resets the stream.
  auto last = co_await mailbox->next(context->clock, deadline);
  auto end = expect<wire::PutEnd>(std::move(last));
  if (!end || !sent) {
    data->reset();
    link.send(id, wire::Cancel{});
    if (!end) co_return end.error();
    co_return ExchangeError::kProtocolBroken;
  }
  link.release_stream(std::move(data));
  co_return std::size_t{end->stored};
}

}  // namespace kvp2p
