#include "engine/safetensors.h"

#include "engine/engine_error.h"

#include <gtest/gtest.h>

#include <cmath>

namespace kvp2p::engine {
namespace {

base::Error error_of(std::string_view json, std::uint64_t data_bytes) {
  auto header = parse_safetensors_header(json, data_bytes);
  return header ? base::Error() : header.error();
}

TEST(Safetensors, ReadsAHeader) {
  const auto header = parse_safetensors_header(
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
      R"("b":{"dtype":"BF16","shape":[],"data_offsets":[24,26]},"c":{"dtype":"I64","shape":[0],"data_offsets":[26,26]}}  )",
      26);
  ASSERT_TRUE(header) << header.error().message();
  ASSERT_EQ(header->size(), 3u);
  EXPECT_EQ(header->at("a").dtype, Dtype::kF32);
  EXPECT_EQ(header->at("a").shape, (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(header->at("b").begin, 24u);
  EXPECT_EQ(header->at("c").dtype, Dtype::kOther);
}

TEST(Safetensors, LengthIsBounded) {
  base::Bytes length(8, 0);
  length[0] = 100;
  EXPECT_EQ(parse_safetensors_length(length, 108).value(), 100u);
  EXPECT_EQ(parse_safetensors_length(length, 107).error(), EngineError::kTensorOutOfFile);
  EXPECT_EQ(parse_safetensors_length(length, 7).error(), EngineError::kBadSafetensorsHeader);
  EXPECT_EQ(parse_safetensors_length({length.data(), 7}, 200).error(), EngineError::kBadSafetensorsHeader);
  length[3] = 2;  // 32 MiB
  EXPECT_EQ(parse_safetensors_length(length, std::uint64_t{1} << 40).error(), EngineError::kBadSafetensorsHeader);
  length[7] = 0xff;
  EXPECT_EQ(parse_safetensors_length(length, UINT64_MAX).error(), EngineError::kBadSafetensorsHeader);
}

TEST(Safetensors, MalformedHeadersAreRefused) {
  for (const char* json : {
           "",
           "{",
           "[]",
           " {}",
           "{\"a\":1}",
           R"({"a":{}})",
           R"({"a":{"dtype":"F32","shape":[1]}})",
           R"({"a":{"dtype":1,"shape":[1],"data_offsets":[0,4]}})",
           R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})",
           R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})",
           R"({"a":{"dtype":"F32","shape":"1","data_offsets":[0,4]}})",
           R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}})",
           R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}})",
           R"({"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}})",
           R"({"":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
       }) {
    EXPECT_EQ(error_of(json, 4), EngineError::kBadSafetensorsHeader) << json;
  }
  EXPECT_EQ(error_of(R"({"a":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}})", 4), EngineError::kUnsupportedDtype);
}

TEST(Safetensors, RangesOutsideTheFileAreRefused) {
  EXPECT_EQ(error_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 7), EngineError::kTensorOutOfFile);
  EXPECT_EQ(error_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 8), EngineError::kTensorOutOfFile);
  EXPECT_EQ(
      error_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[18446744073709551612,18446744073709551615]}})", 8),
      EngineError::kTensorOutOfFile);
}

TEST(Safetensors, SizesThatOverflowAreRefused) {
  EXPECT_EQ(error_of(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0),
            EngineError::kTensorSizeMismatch);
  EXPECT_EQ(error_of(R"({"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}})", 0),
            EngineError::kTensorSizeMismatch);
  EXPECT_EQ(error_of(R"({"a":{"dtype":"F16","shape":[3],"data_offsets":[0,4]}})", 4), EngineError::kTensorSizeMismatch);
}

TEST(Safetensors, OverlapsAndGapsAreRefused) {
  const char* overlap = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                        R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})";
  EXPECT_EQ(error_of(overlap, 12), EngineError::kTensorsOverlap);
  const char* one = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})";
  EXPECT_EQ(error_of(one, 8), EngineError::kTensorsOverlap);
  const char* rest = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  EXPECT_EQ(error_of(rest, 8), EngineError::kTensorsOverlap);
}

TEST(Safetensors, ATensorNamedTwiceIsRefused) {
  EXPECT_EQ(error_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                     R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                     4),
            EngineError::kDuplicateTensor);
}

TEST(Safetensors, ShardNamesStayInTheFolder) {
  const auto index = [](const std::string& file) {
    auto parsed = parse_safetensors_index(R"({"metadata":{},"weight_map":{"a":")" + file + R"("}})");
    return parsed ? base::Error() : parsed.error();
  };
  EXPECT_EQ(index("model-00001-of-00002.safetensors"), base::Error());
  for (const char* bad : {"../model.safetensors", "/etc/model.safetensors", "a/b.safetensors", "..safetensors",
                          "passwd", ".safetensors", "a\\\\b.safetensors", "a\\u0000.safetensors"}) {
    EXPECT_EQ(index(bad), EngineError::kBadShardName) << bad;
  }
  EXPECT_EQ(parse_safetensors_index("{}").error(), EngineError::kBadJson);
  EXPECT_EQ(parse_safetensors_index(R"({"weight_map":{"a":1}})").error(), EngineError::kBadShardName);
}

TEST(Safetensors, ConvertsHalvesExactly) {
  const auto f16 = [](std::uint16_t bits) {
    const std::uint8_t bytes[] = {static_cast<std::uint8_t>(bits), static_cast<std::uint8_t>(bits >> 8)};
    float out;
    convert_to_f32(Dtype::kF16, bytes, {&out, 1});
    return out;
  };
  EXPECT_EQ(f16(0x3c00), 1.0f);
  EXPECT_EQ(f16(0xc000), -2.0f);
  EXPECT_EQ(f16(0x7bff), 65504.0f);
  EXPECT_EQ(f16(0x0400), 0x1p-14f);
  EXPECT_EQ(f16(0x0001), 0x1p-24f);
  EXPECT_EQ(f16(0x83ff), -1023 * 0x1p-24f);
  EXPECT_EQ(f16(0x7c00), INFINITY);
  EXPECT_TRUE(std::isnan(f16(0x7e00)));
  EXPECT_TRUE(std::signbit(f16(0x8000)));
  const std::uint8_t bf16[] = {0x80, 0x3f, 0x49, 0xc0};
  float out[2];
  convert_to_f32(Dtype::kBf16, bf16, out);
  EXPECT_EQ(out[0], 1.0f);
  EXPECT_EQ(out[1], -3.140625f);
}

}  // namespace
}  // namespace kvp2p::engine
