// The decoding half of wire/message_fields.h.
#pragma once

#include "wire/message_fields.h"
#include "wire/msgpack_reader.h"
#include "wire/wire_error.h"

#include <algorithm>
#include <cstring>

namespace kvp2p::wire {

/// Reads one map. Its field numbers ascend as those in message_fields.h do, so that one pass over both finds each
/// field, each unknown one and each repeated one.
class Decoder {
 public:
  template <class T>
  static base::Result<> read_map(MsgpackReader& reader, T& value) {
    auto pairs = reader.read_map(kMapFieldsMax);
    if (!pairs) return pairs.error();
    Decoder decoder(reader, *pairs);
    describe(decoder, value);
    decoder.skip_rest();
    if (decoder.error_) return decoder.error_;
    return {};
  }

  template <class N>
  void number(std::uint8_t key, N& value, std::uint64_t max) {
    if (!begin(key)) return;
    if (auto read = keep(reader_.read_uint(std::min<std::uint64_t>(max, std::numeric_limits<N>::max())))) {
      value = static_cast<N>(*read);
    }
  }
  void boolean(std::uint8_t key, bool& value) {
    if (!begin(key)) return;
    if (auto read = keep(reader_.read_bool())) value = *read;
  }
  void element(std::uint8_t key, ElementType& value) {
    if (!begin(key, true)) return;
    auto read = keep(reader_.read_uint());
    if (!read) return;
    auto type = element_type_from_id(*read);
    if (!type) return fail(WireError::kBadValue);
    value = *type;
  }
  /// An enum of consecutive numbers.
  template <class E>
  void id(std::uint8_t key, E& value, E first, E last) {
    if (!begin(key, true)) return;
    auto read = keep(reader_.read_uint());
    if (!read) return;
    if (*read < static_cast<std::uint64_t>(first) || *read > static_cast<std::uint64_t>(last)) {
      return fail(WireError::kBadValue);
    }
    value = static_cast<E>(*read);
  }
  void text(std::uint8_t key, std::string& value, std::size_t bytes_max) {
    if (!begin(key)) return;
    if (auto read = keep(reader_.read_text(bytes_max))) value = *read;
  }
  void binary(std::uint8_t key, base::Bytes& value, std::size_t bytes_max) {
    if (!begin(key)) return;
    if (auto read = keep(reader_.read_binary(bytes_max))) value = base::to_bytes(*read);
  }
  template <std::size_t N>
  void fixed(std::uint8_t key, std::array<std::uint8_t, N>& value) {
    if (begin(key, true)) read_fixed(value);
  }
  template <std::size_t N>
  void maybe_fixed(std::uint8_t key, std::optional<std::array<std::uint8_t, N>>& value) {
    if (begin(key)) read_fixed(value.emplace());
  }
  void keys(std::uint8_t key, std::vector<BlockKey>& value) { packed(key, value, kKeysMax); }
  void digests(std::uint8_t key, std::vector<ContentDigest>& value, std::size_t max) { packed(key, value, max); }

  void places(std::uint8_t key, std::vector<Place>& value, std::size_t count_max) {
    if (!begin(key)) return;
    auto read = keep(reader_.read_binary(count_max * kPlaceBytes));
    if (!read) return;
    if (read->size() % kPlaceBytes != 0) return fail(WireError::kBadValue);
    value.resize(read->size() / kPlaceBytes);
    const std::uint8_t* at = read->data();
    for (Place& place : value) {
      place.region = base::load_le64(at);
      place.slot = base::load_le32(at + 8);
      place.generation = base::load_le64(at + 12);
      at += kPlaceBytes;
    }
  }

  void words(std::uint8_t key, std::vector<std::uint64_t>& value, std::size_t count_max) {
    if (!begin(key)) return;
    auto read = keep(reader_.read_binary(count_max * sizeof(std::uint64_t)));
    if (!read) return;
    if (read->size() % sizeof(std::uint64_t) != 0) return fail(WireError::kBadValue);
    value.resize(read->size() / sizeof(std::uint64_t));
    const std::uint8_t* at = read->data();
    for (std::uint64_t& word : value) {
      word = static_cast<std::uint64_t>(base::load_be32(at)) << 32 | base::load_be32(at + 4);
      at += sizeof word;
    }
  }

  void bits(std::uint8_t key, std::vector<bool>& value, std::size_t bits_max) {
    if (!begin(key)) return;
    auto two = keep(reader_.read_array(2));
    if (!two) return;
    if (*two != 2) return fail(WireError::kWrongType);
    auto count = keep(reader_.read_uint(bits_max));
    if (!count) return;
    auto bytes = keep(reader_.read_binary((bits_max + 7) / 8));
    if (!bytes) return;
    if (bytes->size() != (*count + 7) / 8) return fail(WireError::kBadValue);
    if (*count % 8 != 0 && bytes->back() >> (*count % 8) != 0) return fail(WireError::kBadValue);
    value.resize(*count);
    for (std::size_t i = 0; i < *count; ++i) value[i] = ((*bytes)[i / 8] >> (i % 8) & 1) != 0;
  }
  void numbers(std::uint8_t key, std::vector<std::uint32_t>& value, std::size_t count_max, std::uint64_t max) {
    if (!begin(key)) return;
    auto count = keep(reader_.read_array(count_max));
    if (!count) return;
    value.reserve(*count);
    for (std::size_t i = 0; i < *count; ++i) {
      auto read = keep(reader_.read_uint(std::min<std::uint64_t>(max, UINT32_MAX)));
      if (!read) return;
      value.push_back(static_cast<std::uint32_t>(*read));
    }
  }
  void model_fields(std::uint8_t key, ModelFields& value) {
    auto second = [this](std::string& text) {
      if (auto read = keep(reader_.read_text(kModelFieldBytesMax))) text = *read;
    };
    pairs(key, value, kModelFieldsMax, kModelFieldBytesMax, second);
  }
  void counters(std::uint8_t key, std::vector<std::pair<std::string, std::uint64_t>>& value) {
    auto second = [this](std::uint64_t& number) {
      if (auto read = keep(reader_.read_uint())) number = *read;
    };
    pairs(key, value, kCountersMax, kCounterNameBytesMax, second);
  }
  template <class T>
  void nested(std::uint8_t key, T& value) {
    if (begin(key, true)) keep(read_map(reader_, value));
  }
  template <class T>
  void maybe_nested(std::uint8_t key, std::optional<T>& value) {
    if (begin(key)) keep(read_map(reader_, value.emplace()));
  }
  template <class T>
  void list(std::uint8_t key, std::vector<T>& value, std::size_t count_max) {
    if (!begin(key)) return;
    auto count = keep(reader_.read_array(count_max));
    if (!count) return;
    for (std::size_t i = 0; i < *count && !error_; ++i) keep(read_map(reader_, value.emplace_back()));
  }

 private:
  Decoder(MsgpackReader& reader, std::size_t pairs) : reader_(reader), pairs_left_(pairs) {}

  void fail(base::Error error) {
    if (!error_) error_ = error;
  }
  /// Remembers the error, if it is one.
  template <class T>
  base::Result<T> keep(base::Result<T> result) {
    if (!result) fail(result.error());
    return result;
  }

  /// Moves on to field `key`: true if its value comes next. Fields in between are unknown and skipped.
  bool begin(std::uint8_t key, bool required = false) {
    while (!error_) {
      if (!next_key_) {
        if (pairs_left_ == 0) break;
        read_key();
        continue;
      }
      if (*next_key_ == key) {
        next_key_.reset();
        return true;
      }
      if (*next_key_ > key) break;
      next_key_.reset();
      keep(reader_.skip());
    }
    if (required) fail(WireError::kMissingField);
    return false;
  }
  void read_key() {
    --pairs_left_;
    auto key = keep(reader_.read_uint(UINT32_MAX));
    if (!key) return;
    if (last_key_ && *key <= *last_key_) return fail(WireError::kFieldOrder);
    last_key_ = next_key_ = *key;
  }
  void skip_rest() {
    while (!error_ && (next_key_ || pairs_left_ > 0)) {
      if (!next_key_) {
        read_key();
        continue;
      }
      next_key_.reset();
      keep(reader_.skip());
    }
  }

  template <std::size_t N>
  void read_fixed(std::array<std::uint8_t, N>& value) {
    auto read = keep(reader_.read_binary(N));
    if (!read) return;
    if (read->size() != N) return fail(WireError::kBadValue);
    std::copy(read->begin(), read->end(), value.begin());
  }
  template <class T>
  void packed(std::uint8_t key, std::vector<T>& value, std::size_t count_max) {
    if (!begin(key)) return;
    auto read = keep(reader_.read_binary(count_max * sizeof(T)));
    if (!read) return;
    if (read->size() % sizeof(T) != 0) return fail(WireError::kBadValue);
    value.resize(read->size() / sizeof(T));
    if (!value.empty()) std::memcpy(value.data(), read->data(), read->size());
  }
  template <class Pair, class ReadSecond>
  void pairs(std::uint8_t key, std::vector<Pair>& value, std::size_t count_max, std::size_t name_bytes_max,
             const ReadSecond& read_second) {
    if (!begin(key)) return;
    auto count = keep(reader_.read_array(count_max));
    if (!count) return;
    for (std::size_t i = 0; i < *count && !error_; ++i) {
      auto two = keep(reader_.read_array(2));
      if (!two) return;
      if (*two != 2) return fail(WireError::kWrongType);
      auto name = keep(reader_.read_text(name_bytes_max));
      if (!name) return;
      auto& pair = value.emplace_back();
      pair.first = *name;
      read_second(pair.second);
    }
  }

  MsgpackReader& reader_;
  std::size_t pairs_left_;
  std::optional<std::uint64_t> next_key_;
  std::optional<std::uint64_t> last_key_;
  base::Error error_;
};

}  // namespace kvp2p::wire
