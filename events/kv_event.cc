#include "events/kv_event.h"

#include <msgpack.hpp>

#include <string_view>

namespace kvp2p {

namespace {

struct BytesBuffer {
  base::Bytes& out;
  void write(const char* data, std::size_t size) {
    out.insert(out.end(), reinterpret_cast<const std::uint8_t*>(data),
               reinterpret_cast<const std::uint8_t*>(data) + size);
  }
};

/// One struct's fields, with or without their names.
class StructWriter {
 public:
  StructWriter(msgpack::packer<BytesBuffer>& packer, KvEventFormat format) : packer_(packer), format_(format) {}

  void begin(std::uint32_t fields) {
    format_ == KvEventFormat::kArray ? void(packer_.pack_array(fields)) : void(packer_.pack_map(fields));
  }
  /// The tag comes first in an array, and is the field "type" in a map.
  void begin_tagged(std::string_view tag, std::uint32_t fields) {
    begin(fields + 1);
    name("type");
    text(tag);
  }
  void name(std::string_view name) {
    if (format_ == KvEventFormat::kMap) text(name);
  }
  void text(std::string_view value) {
    packer_.pack_str(static_cast<std::uint32_t>(value.size()));
    packer_.pack_str_body(value.data(), static_cast<std::uint32_t>(value.size()));
  }
  void maybe_text(const std::optional<std::string>& value) { value ? text(*value) : void(packer_.pack_nil()); }
  void hash(const BlockKey& key) {
    packer_.pack_bin(key.bytes.size());
    packer_.pack_bin_body(reinterpret_cast<const char*>(key.bytes.data()), key.bytes.size());
  }
  void hashes(const std::vector<BlockKey>& keys) {
    packer_.pack_array(static_cast<std::uint32_t>(keys.size()));
    for (const BlockKey& key : keys) hash(key);
  }

  void operator()(const BlockStored& event) {
    begin_tagged("BlockStored", 7);
    name("block_hashes");
    hashes(event.block_hashes);
    name("parent_block_hash");
    event.parent_block_hash ? hash(*event.parent_block_hash) : void(packer_.pack_nil());
    name("token_ids");
    packer_.pack_array(static_cast<std::uint32_t>(event.token_ids.size()));
    for (TokenId token : event.token_ids) packer_.pack_uint32(token);
    name("block_size");
    packer_.pack_uint32(event.block_size);
    name("lora_id");  // the number that an engine gives an adapter: nobody else's
    packer_.pack_nil();
    name("medium");
    maybe_text(event.medium);
    name("lora_name");
    maybe_text(event.lora_name);
  }
  void operator()(const BlockRemoved& event) {
    begin_tagged("BlockRemoved", 2);
    name("block_hashes");
    hashes(event.block_hashes);
    name("medium");
    maybe_text(event.medium);
  }
  void operator()(const AllBlocksCleared&) { begin_tagged("AllBlocksCleared", 0); }

 private:
  msgpack::packer<BytesBuffer>& packer_;
  const KvEventFormat format_;
};

}  // namespace

base::Bytes encode_kv_events(const KvEventBatch& batch, KvEventFormat format) {
  base::Bytes bytes;
  BytesBuffer buffer{bytes};
  msgpack::packer<BytesBuffer> packer(buffer);
  StructWriter writer(packer, format);
  writer.begin(3);
  writer.name("ts");
  packer.pack_double(batch.unix_seconds);
  writer.name("events");
  packer.pack_array(static_cast<std::uint32_t>(batch.events.size()));
  for (const KvEvent& event : batch.events) std::visit(writer, event);
  writer.name("data_parallel_rank");
  packer.pack_uint32(batch.data_parallel_rank);
  return bytes;
}

}  // namespace kvp2p
