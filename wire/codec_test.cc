#include "wire/codec.h"

#include "wire/example_messages.h"
#include "wire/limits.h"
#include "wire/wire_error.h"

#include <gtest/gtest.h>
#include <msgpack.hpp>

namespace kvp2p::wire {
namespace {

base::Bytes from_hex(std::string_view hex) {
  base::Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    if (hex[i] == ' ')
      --i;
    else
      bytes.push_back(static_cast<std::uint8_t>(std::stoul(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

base::Error error_of(std::string_view hex) {
  auto decoded = decode(from_hex(hex));
  return decoded ? base::Error() : decoded.error();
}

template <class T>
T example() {
  for (auto& message : example_messages()) {
    if (auto* body = std::get_if<T>(&message.body)) return *body;
  }
  return {};
}

TEST(Codec, EveryMessageSurvivesARoundTrip) {
  const auto examples = example_messages();
  ASSERT_EQ(examples.size(), std::variant_size_v<Body>);
  for (std::size_t i = 0; i < examples.size(); ++i) {
    ASSERT_EQ(examples[i].body.index(), i);
    const auto bytes = encode(examples[i]);
    auto back = decode(bytes);
    ASSERT_TRUE(back) << name_of(examples[i].body) << ": " << back.error().message();
    EXPECT_EQ(*back, examples[i]) << name_of(examples[i].body);
  }
}

TEST(Codec, MsgpacksOwnUnpackerReadsEveryMessage) {
  for (const auto& message : example_messages()) {
    const auto bytes = encode(message);
    const auto unpacked = msgpack::unpack(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    ASSERT_EQ(unpacked->type, msgpack::type::ARRAY);
    EXPECT_EQ(unpacked->via.array.size, 3u);
    EXPECT_EQ(unpacked->via.array.ptr[2].type, msgpack::type::MAP);
  }
}

TEST(Codec, EveryTruncationIsAnError) {
  for (const auto& message : example_messages()) {
    const auto bytes = encode(message);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(decode(base::ConstBytes(bytes).first(size))) << name_of(message.body) << " " << size;
    }
  }
}

TEST(Codec, TrailingBytesAreAnError) {
  auto bytes = encode({1, Ping{}});
  bytes.push_back(0xc0);
  EXPECT_EQ(decode(bytes).error(), WireError::kTrailingBytes);
}

TEST(Codec, TheLargestLookupAndAnswerFitAControlMessage) {
  auto lookup = example<Lookup>();
  lookup.keys.assign(kKeysMax, lookup.keys[0]);
  lookup.model_fields.assign(kModelFieldsMax,
                             {std::string(kModelFieldBytesMax, 'n'), std::string(kModelFieldBytesMax, 'v')});
  EXPECT_LE(encode({1, lookup}).size(), kControlMessageBytesMax);
  auto back = decode(encode({1, lookup}));
  ASSERT_TRUE(back);
  EXPECT_EQ(std::get<Lookup>(back->body), lookup);

  auto answer = example<LookupAnswer>();
  answer.present.assign(kKeysMax, true);
  answer.tiers.assign(kKeysMax, 2);
  answer.has_root.assign(kKeysMax, true);
  answer.roots.assign(kKeysMax, answer.roots[0]);
  answer.has_place.assign(kKeysMax, true);
  answer.places.assign(kKeysMax, answer.places[0]);
  EXPECT_LE(encode({1, answer}).size(), kControlMessageBytesMax);
  EXPECT_TRUE(decode(encode({1, answer})));
  answer.present.push_back(false);
  EXPECT_EQ(decode(encode({1, answer})).error(), WireError::kOutOfBounds);
}

TEST(Codec, TheLargestFrameHeaderFits) {
  auto frame = example<FrameHeader>();
  frame.leaves.assign(kFrameLeavesMax, frame.leaves[0]);
  EXPECT_LE(encode({UINT64_MAX, frame}).size(), kFrameHeaderBytesMax);
  EXPECT_TRUE(decode(encode({UINT64_MAX, frame})));
  frame.leaves.push_back(frame.leaves[0]);
  EXPECT_EQ(decode(encode({1, frame})).error(), WireError::kOutOfBounds);
}

TEST(Codec, TextsAreCutToTheirBound) {
  ErrorMessage error{1, std::string(kTextBytesMax + 1, 'x')};
  auto back = decode(encode({1, error}));
  ASSERT_TRUE(back);
  EXPECT_EQ(std::get<ErrorMessage>(back->body).reason.size(), kTextBytesMax);
}

TEST(Codec, UnknownFieldsAreSkipped) {
  // credit {1: 4, 2: [{"a": nil, 1: 2.5}, h'00'], 9: -1, 64: ext}
  auto back = decode(from_hex("93 07 02 84 01 04 02 92 82 a161 c0 01 cb4004000000000000 c40100 09 ff 40 d40100"));
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(back->body, Body(Credit{4}));
  // Before a known one too: release {0: true, 1: lease}
  auto release = encode({0, example<Release>()});
  release[3] = 0x82;
  release.insert(release.begin() + 4, {0x00, 0xc3});
  EXPECT_TRUE(decode(release));
}

TEST(Codec, UnknownFieldsAreBounded) {
  EXPECT_EQ(error_of("93 07 02 82 01 04 02 dd ffffffff"), WireError::kOutOfBounds);
  EXPECT_EQ(error_of("93 07 02 82 01 04 02 df ffffffff"), WireError::kOutOfBounds);
  EXPECT_EQ(error_of("93 07 02 82 01 04 02 c6 ffffffff"), WireError::kTruncated);
  EXPECT_EQ(error_of("93 07 02 82 01 04 02 91 91 91 91 91 91 91 91 c0"), base::Error());
  EXPECT_EQ(error_of("93 07 02 82 01 04 02 91 91 91 91 91 91 91 91 91 c0"), WireError::kTooDeep);
  EXPECT_EQ(error_of("93 07 02 82 01 04 02 c1"), WireError::kWrongType);
  EXPECT_EQ(error_of("93 07 02 de 0041"), WireError::kOutOfBounds);
}

TEST(Codec, FieldsOutOfOrderOrTwiceAreErrors) {
  EXPECT_EQ(error_of("93 0c 02 82 02 a178 01 04"), WireError::kFieldOrder);
  EXPECT_EQ(error_of("93 07 02 82 01 04 01 04"), WireError::kFieldOrder);
}

TEST(Codec, EnvelopesOfAnotherShapeAreErrors) {
  EXPECT_EQ(error_of(""), WireError::kTruncated);
  EXPECT_EQ(error_of("92 07 02"), WireError::kWrongType);
  EXPECT_EQ(error_of("94 07 02 80 80"), WireError::kOutOfBounds);
  EXPECT_EQ(error_of("93 a107 02 80"), WireError::kWrongType);
  EXPECT_EQ(error_of("93 07 ff 80"), WireError::kWrongType);
  EXPECT_EQ(error_of("93 07 d1ffff 80"), WireError::kOutOfBounds);
  EXPECT_EQ(error_of("93 07 02 90"), WireError::kWrongType);
}

TEST(Codec, AMessageFromALaterVersionIsUnknownButHasAnId) {
  const auto bytes = from_hex("93 ccc8 2a 81 01 c0");
  auto envelope = decode_envelope(bytes);
  ASSERT_TRUE(envelope);
  EXPECT_EQ(envelope->id, 42u);
  EXPECT_EQ(decode_body(*envelope).error(), WireError::kUnknownMessage);
  EXPECT_EQ(error_of("93 00 02 80"), WireError::kUnknownMessage);
}

TEST(Codec, MissingFieldsAreErrors) {
  for (const char* number : {"01", "04", "05", "06", "0d", "10", "15", "16"}) {
    EXPECT_EQ(error_of(std::string("93 ") + number + " 01 80"), WireError::kMissingField) << number;
  }
}

TEST(Codec, ContradictionsAreErrors) {
  const auto refused = [](Body body) { return decode(encode({1, std::move(body)})).has_error(); };
  auto get = example<Get>();
  EXPECT_FALSE(refused(get));
  const auto with = [&](auto change) {
    auto changed = get;
    change(changed);
    return refused(changed);
  };
  EXPECT_TRUE(with([](Get& g) { g.blocks = 0; }));
  EXPECT_TRUE(with([](Get& g) { g.first_block = kKeysMax - 1; }));
  EXPECT_TRUE(with([](Get& g) { g.layers = {}; }));
  EXPECT_TRUE(with([](Get& g) { g.layers = {1, 1}; }));
  EXPECT_TRUE(with([](Get& g) { g.layers = {30}; }));
  EXPECT_TRUE(with([](Get& g) { g.head_end = 4; }));
  EXPECT_TRUE(with([](Get& g) { g.head_begin = 3; }));
  EXPECT_TRUE(with([](Get& g) { g.streams = {}; }));
  EXPECT_TRUE(with([](Get& g) { g.frame_bytes_max = 3 * 2 * 16 * 64 * 2 - 1; }));
  EXPECT_FALSE(with([](Get& g) { g.frame_bytes_max = 3 * 2 * 16 * 64 * 2; }));
  EXPECT_TRUE(with([](Get& g) { g.format.head_dim = 0; }));
  EXPECT_TRUE(with([](Get& g) { g.format.shard.layer_end = 0; }));

  auto answer = example<LookupAnswer>();
  answer.roots.push_back({});
  EXPECT_TRUE(refused(answer));
  answer = example<LookupAnswer>();
  answer.lease.reset();
  EXPECT_TRUE(refused(answer));
  answer = example<LookupAnswer>();
  answer.tiers.push_back(1);
  EXPECT_TRUE(refused(answer));
  answer = example<LookupAnswer>();
  answer.has_place.pop_back();
  EXPECT_TRUE(refused(answer));
  answer = example<LookupAnswer>();
  answer.places.push_back({});
  EXPECT_TRUE(refused(answer));
  answer = example<LookupAnswer>();
  answer.has_place.clear();
  EXPECT_TRUE(refused(answer)) << "a place of no block";
  answer.places.clear();
  EXPECT_FALSE(refused(answer)) << "a peer that knows no places";

  auto put = example<Put>();
  put.format.shard = {0, 512, 0, 1024};
  EXPECT_TRUE(refused(put)) << "a block of gigabytes";

  auto frame = example<FrameHeader>();
  frame.layers = 2;
  EXPECT_FALSE(refused(frame));
  frame.layers = 0;
  EXPECT_TRUE(refused(frame));
  frame.layers = kLayersMax;
  frame.layer = 1;
  EXPECT_TRUE(refused(frame)) << "layers that no model has";
  frame.layers = 1;
  frame.offset = 1;
  EXPECT_TRUE(refused(frame));
  frame.offset = 0;
  frame.packed = frame.length - 1;
  EXPECT_FALSE(refused(frame));
  EXPECT_EQ(frame.wire_bytes(), frame.length - 1);
  frame.packed = frame.length;
  EXPECT_TRUE(refused(frame)) << "nothing is won";
  frame.packed = UINT32_MAX;
  EXPECT_TRUE(refused(frame));

  EXPECT_TRUE(with([](Get& g) { g.streams = {1, 2, 1}; }));
  EXPECT_TRUE(refused(Streams{}));
  EXPECT_TRUE(refused(Streams{{7, 7}}));
  EXPECT_TRUE(refused(GetEnd{3, 0, {1, 2}, {3}}));
  EXPECT_TRUE(refused(GetEnd{3, 0, {1, 2}, {1, 1}})) << "counts that are not the whole";
  EXPECT_TRUE(refused(GetEnd{2, 0, {1, 1}, {1, 1}}));
  EXPECT_TRUE(refused(GetEnd{0, 0, {1, 2}, {UINT32_MAX, 1}})) << "a sum that overflows";
  EXPECT_TRUE(refused(CountsAnswer{0, {1}, {}}));
  EXPECT_TRUE(refused(CountsAnswer{0, {1, 1}, {1, 1}}));
  EXPECT_FALSE(refused(CountsAnswer{}));

  EXPECT_TRUE(refused(Credit{0}));
  EXPECT_TRUE(refused(Gone{{{kKeysMax, 1}}}));
  EXPECT_TRUE(refused(HelloResult{true, {}, ""}));
  EXPECT_TRUE(refused(Hello{}));
  EXPECT_TRUE(refused(DirectTicket{}));
}

TEST(Codec, BitsAfterTheLastMustBeZero) {
  EXPECT_EQ(error_of("93 0e 01 81 01 92 02 c40103"), base::Error());
  EXPECT_EQ(error_of("93 0e 01 81 01 92 02 c40107"), WireError::kBadValue);
  EXPECT_EQ(error_of("93 0e 01 81 01 92 09 c40103"), WireError::kBadValue);
}

TEST(Codec, KeysMustBeWhole) {
  auto bytes = encode({0, Announce{1, false, {}, {}, {}, {BlockKey{}}}});
  bytes[bytes.size() - 33] = 31;
  bytes.pop_back();
  EXPECT_EQ(decode(bytes).error(), WireError::kBadValue);
}

TEST(Codec, FramedIsPrefixedByItsLength) {
  const auto body = encode({1, Ping{}});
  const auto framed = encode_framed({1, Ping{}});
  ASSERT_EQ(framed.size(), body.size() + 1);
  EXPECT_EQ(framed[0], body.size());
}

}  // namespace
}  // namespace kvp2p::wire
