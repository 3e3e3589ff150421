// The encoding half of wire/message_fields.h: msgpack by msgpack-cxx.
#pragma once

#include "wire/message_fields.h"

#include <msgpack.hpp>

namespace kvp2p::wire {

/// Where msgpack::packer writes.
struct BytesBuffer {
  base::Bytes& out;
  void write(const char* data, std::size_t size) {
    out.insert(out.end(), reinterpret_cast<const std::uint8_t*>(data),
               reinterpret_cast<const std::uint8_t*>(data) + size);
  }
};
using Packer = msgpack::packer<BytesBuffer>;

/// Counts the fields that will be written: a msgpack map begins with its size. Then writes them.
class Encoder {
 public:
  Encoder(Packer& packer, bool counting) : packer_(packer), counting_(counting) {}
  std::uint32_t count() const { return count_; }

  template <class N>
  void number(std::uint8_t key, const N& value, std::uint64_t) {
    if (begin(key, value != N{})) packer_.pack_uint64(value);
  }
  void boolean(std::uint8_t key, bool value) {
    if (begin(key, value)) packer_.pack_true();
  }
  void element(std::uint8_t key, ElementType value) { always_number(key, static_cast<std::uint64_t>(value)); }
  template <class E>
  void id(std::uint8_t key, E value, E, E) {
    always_number(key, static_cast<std::uint64_t>(value));
  }
  void text(std::uint8_t key, const std::string& value, std::size_t bytes_max) {
    if (begin(key, !value.empty())) pack_text(std::string_view(value).substr(0, bytes_max));
  }
  void binary(std::uint8_t key, const base::Bytes& value, std::size_t) {
    if (begin(key, !value.empty())) pack_binary(value);
  }
  template <std::size_t N>
  void fixed(std::uint8_t key, const std::array<std::uint8_t, N>& value) {
    if (begin(key, true)) pack_binary(value);
  }
  template <std::size_t N>
  void maybe_fixed(std::uint8_t key, const std::optional<std::array<std::uint8_t, N>>& value) {
    if (begin(key, value.has_value())) pack_binary(*value);
  }
  void keys(std::uint8_t key, const std::vector<BlockKey>& value) { packed(key, value); }
  void digests(std::uint8_t key, const std::vector<ContentDigest>& value, std::size_t) { packed(key, value); }

  void places(std::uint8_t key, const std::vector<Place>& value, std::size_t) {
    if (!begin(key, !value.empty())) return;
    base::Bytes bytes(value.size() * kPlaceBytes);
    std::uint8_t* at = bytes.data();
    for (const Place& place : value) {
      base::store_le64(at, place.region);
      base::store_le32(at + 8, place.slot);
      base::store_le64(at + 12, place.generation);
      at += kPlaceBytes;
    }
    pack_binary(bytes);
  }

  /// Big-endian, next to each other in one byte string.
  void words(std::uint8_t key, const std::vector<std::uint64_t>& value, std::size_t) {
    if (!begin(key, !value.empty())) return;
    base::Bytes bytes(value.size() * sizeof(std::uint64_t));
    std::uint8_t* at = bytes.data();
    for (std::uint64_t word : value) {
      base::store_be32(at, static_cast<std::uint32_t>(word >> 32));
      base::store_be32(at + 4, static_cast<std::uint32_t>(word));
      at += sizeof word;
    }
    pack_binary(bytes);
  }

  void bits(std::uint8_t key, const std::vector<bool>& value, std::size_t) {
    if (!begin(key, !value.empty())) return;
    base::Bytes bytes((value.size() + 7) / 8);
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (value[i]) bytes[i / 8] |= static_cast<std::uint8_t>(1u << (i % 8));
    }
    packer_.pack_array(2);
    packer_.pack_uint64(value.size());
    pack_binary(bytes);
  }
  void numbers(std::uint8_t key, const std::vector<std::uint32_t>& value, std::size_t, std::uint64_t) {
    if (!begin(key, !value.empty())) return;
    packer_.pack_array(static_cast<std::uint32_t>(value.size()));
    for (std::uint32_t number : value) packer_.pack_uint32(number);
  }
  void model_fields(std::uint8_t key, const ModelFields& value) {
    if (!begin(key, !value.empty())) return;
    packer_.pack_array(static_cast<std::uint32_t>(value.size()));
    for (const auto& [name, text] : value) {
      packer_.pack_array(2);
      pack_text(name);
      pack_text(text);
    }
  }
  void counters(std::uint8_t key, const std::vector<std::pair<std::string, std::uint64_t>>& value) {
    if (!begin(key, !value.empty())) return;
    packer_.pack_array(static_cast<std::uint32_t>(value.size()));
    for (const auto& [name, number] : value) {
      packer_.pack_array(2);
      pack_text(name);
      packer_.pack_uint64(number);
    }
  }
  template <class T>
  void nested(std::uint8_t key, const T& value) {
    if (begin(key, true)) pack_map(packer_, value);
  }
  template <class T>
  void maybe_nested(std::uint8_t key, const std::optional<T>& value) {
    if (begin(key, value.has_value())) pack_map(packer_, *value);
  }
  template <class T>
  void list(std::uint8_t key, const std::vector<T>& value, std::size_t) {
    if (!begin(key, !value.empty())) return;
    packer_.pack_array(static_cast<std::uint32_t>(value.size()));
    for (const T& item : value) pack_map(packer_, item);
  }

  template <class T>
  static void pack_map(Packer& packer, const T& value) {
    Encoder counter(packer, true);
    describe(counter, value);
    packer.pack_map(counter.count());
    Encoder writer(packer, false);
    describe(writer, value);
  }

 private:
  /// Whether the field's value is to be written now.
  bool begin(std::uint8_t key, bool present) {
    if (!present) return false;
    ++count_;
    if (counting_) return false;
    packer_.pack_uint8(key);
    return true;
  }
  void always_number(std::uint8_t key, std::uint64_t value) {
    if (begin(key, true)) packer_.pack_uint64(value);
  }
  void pack_text(std::string_view text) {
    packer_.pack_str(static_cast<std::uint32_t>(text.size()));
    packer_.pack_str_body(text.data(), static_cast<std::uint32_t>(text.size()));
  }
  void pack_binary(base::ConstBytes bytes) {
    packer_.pack_bin(static_cast<std::uint32_t>(bytes.size()));
    packer_.pack_bin_body(reinterpret_cast<const char*>(bytes.data()), static_cast<std::uint32_t>(bytes.size()));
  }
  /// Arrays of digests lie next to each other in one byte string: no per-item cost on the wire or in time.
  template <class T>
  void packed(std::uint8_t key, const std::vector<T>& value) {
    static_assert(sizeof(T) == sizeof(T{}.bytes));
    if (!begin(key, !value.empty())) return;
    pack_binary({reinterpret_cast<const std::uint8_t*>(value.data()), value.size() * sizeof(T)});
  }

  Packer& packer_;
  bool counting_;
  std::uint32_t count_ = 0;
};

}  // namespace kvp2p::wire
