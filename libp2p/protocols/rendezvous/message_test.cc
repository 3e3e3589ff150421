#include "libp2p/protocols/rendezvous/message.h"

#include "libp2p/core/error.h"
#include "libp2p/core/proto_fields.h"

#include <gtest/gtest.h>

namespace libp2p::rendezvous {
namespace {

std::vector<Message> examples() {
  Message register_request;
  register_request.registration = {"kv", {1, 2, 3}, 7200};
  Message register_response;
  register_response.kind = Kind::kRegisterResponse;
  register_response.ttl = 7200;
  Message refused = register_response;
  refused.status = Status::kInvalidTtl;
  refused.status_text = "too long";
  Message unregister;
  unregister.kind = Kind::kUnregister;
  unregister.name = "kv";
  Message discover;
  discover.kind = Kind::kDiscover;
  discover.name = "kv";
  discover.limit = 10;
  discover.cookie = {9, 9};
  Message discovered;
  discovered.kind = Kind::kDiscoverResponse;
  discovered.cookie = {8};
  discovered.registrations = {{"kv", {1}, 5}, {"other", {2}, std::nullopt}};
  return {register_request, register_response, refused, unregister, discover, discovered};
}

TEST(RendezvousMessageTest, WhatIsWrittenIsRead) {
  for (const Message& message : examples()) {
    const auto read = parse(serialise(message));
    ASSERT_TRUE(read) << static_cast<int>(message.kind);
    EXPECT_EQ(*read, message) << static_cast<int>(message.kind);
  }
}

// A registration of the name "kv" with record 01 02 03 for 7,200 s, by the schema's field numbers.
TEST(RendezvousMessageTest, FieldsAreWhereTheSpecificationHasThem) {
  EXPECT_EQ(base::to_hex(serialise(examples()[0])), "0800120c0a026b76120301020318a038");
}

TEST(RendezvousMessageTest, TheKindMayComeLast) {
  base::Bytes body, message;
  append_bytes_field(body, 1, base::as_bytes("kv"));
  append_bytes_field(message, 5, body);
  append_varint_field(message, 1, 3);
  EXPECT_EQ(parse(message)->name, "kv");
}

TEST(RendezvousMessageTest, WhatIsNoMessageIsAnError) {
  for (const Message& message : examples()) {
    const base::Bytes whole = serialise(message);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_FALSE(parse(base::ConstBytes(whole).first(size))) << size;
    }
  }
  base::Bytes unknown_kind;
  append_varint_field(unknown_kind, 1, 5);
  append_bytes_field(unknown_kind, 7, {});
  EXPECT_EQ(parse(unknown_kind).error(), Error::kMalformedMessage);
  base::Bytes twice = serialise(examples()[3]);
  append_bytes_field(twice, 4, {});
  EXPECT_EQ(parse(twice).error(), Error::kMalformedMessage);
}

TEST(RendezvousMessageTest, FieldsBeyondTheirBoundsAreRefused) {
  Message message;
  message.registration.name = std::string(kNamespaceBytesMax, 'n');
  message.registration.signed_record = base::Bytes(kRecordBytesMax);
  EXPECT_TRUE(parse(serialise(message)));
  message.registration.name += 'n';
  EXPECT_EQ(parse(serialise(message)).error(), Error::kMessageTooLong);
  message.registration.name = "";
  message.registration.signed_record.push_back(0);
  EXPECT_EQ(parse(serialise(message)).error(), Error::kMessageTooLong);
  Message many;
  many.kind = Kind::kDiscoverResponse;
  many.registrations.resize(kRegistrationsPerMessageMax);
  EXPECT_TRUE(parse(serialise(many)));
  many.registrations.resize(kRegistrationsPerMessageMax + 1);
  EXPECT_EQ(parse(serialise(many)).error(), Error::kMessageTooLong);
}

TEST(RendezvousMessageTest, AStatusThatIsNotKnownIsAFailure) {
  base::Bytes body, message;
  append_varint_field(body, 1, 999);
  append_varint_field(message, 1, 1);
  append_bytes_field(message, 3, body);
  EXPECT_EQ(parse(message)->status, Status::kInternalError);
}

}  // namespace
}  // namespace libp2p::rendezvous
