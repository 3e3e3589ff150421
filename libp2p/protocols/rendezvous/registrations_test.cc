#include "libp2p/protocols/rendezvous/registrations.h"

#include "libp2p/records/peer_record.h"

#include <gtest/gtest.h>

namespace libp2p::rendezvous {
namespace {

using namespace std::chrono_literals;
using multiformats::PeerId;
using multiformats::PrivateKey;

constexpr base::TimePoint kNow{1h};

class RegistrationsTest : public ::testing::Test {
 protected:
  static PeerId id_of(const PrivateKey& key) { return PeerId::from_public_key(key.public_key()); }
  static base::Bytes record_of(const PrivateKey& key, std::uint64_t seq = 1) {
    const auto address = multiformats::Multiaddr::from_text("/ip4/192.0.2.7/tcp/9100").value();
    return seal_peer_record(key, {id_of(key), seq, {address}}, PeerRecordForm::kOlder);
  }
  Message add(const PrivateKey& key, const std::string& name, std::optional<std::uint64_t> ttl = std::nullopt) {
    Message request;
    request.registration = {name, record_of(key), ttl};
    return registrations_.answer(id_of(key), request, now_).value();
  }
  Message discover(const std::string& name, base::Bytes cookie = {},
                   std::optional<std::uint64_t> limit = std::nullopt) {
    Message request;
    request.kind = Kind::kDiscover;
    request.name = name;
    request.cookie = std::move(cookie);
    request.limit = limit;
    return registrations_.answer(PeerId(), request, now_).value();
  }

  base::TimePoint now_ = kNow;
  Registrations registrations_{{.registrations_max = 6, .per_peer_max = 2, .answer_bytes_max = 100'000}, 7};
  const PrivateKey alice_ = PrivateKey::generate(), bob_ = PrivateKey::generate();
};

TEST_F(RegistrationsTest, WhoIsRegisteredIsFoundUnderItsName) {
  EXPECT_EQ(add(alice_, "kv").ttl, kTtlDefault);
  EXPECT_EQ(add(bob_, "other", 60).ttl, 60u);
  const Message found = discover("kv");
  ASSERT_EQ(found.registrations.size(), 1u);
  EXPECT_EQ(open_peer_record(found.registrations[0].signed_record)->peer, id_of(alice_));
  EXPECT_EQ(discover("").registrations.size(), 2u);
  EXPECT_TRUE(discover("nothing").registrations.empty());
}

TEST_F(RegistrationsTest, ACookieBringsWhatIsNew) {
  add(alice_, "kv");
  const Message first = discover("kv");
  EXPECT_TRUE(discover("kv", first.cookie).registrations.empty());
  add(bob_, "kv");
  const Message next = discover("kv", first.cookie);
  ASSERT_EQ(next.registrations.size(), 1u);
  EXPECT_EQ(open_peer_record(next.registrations[0].signed_record)->peer, id_of(bob_));
  add(alice_, "kv");
  EXPECT_EQ(discover("kv", next.cookie).registrations.size(), 1u) << "registered anew";
}

TEST_F(RegistrationsTest, ACookieOfAnotherNameOrRunIsRefused) {
  add(alice_, "kv");
  const base::Bytes cookie = discover("kv").cookie;
  EXPECT_EQ(discover("other", cookie).status, Status::kInvalidCookie);
  EXPECT_EQ(discover("", cookie).status, Status::kInvalidCookie);
  EXPECT_EQ(discover("kv", {1, 2, 3}).status, Status::kInvalidCookie);
  Registrations restarted({}, 8);
  Message request;
  request.kind = Kind::kDiscover;
  request.name = "kv";
  request.cookie = cookie;
  EXPECT_EQ(restarted.answer(PeerId(), request, now_)->status, Status::kInvalidCookie);
}

TEST_F(RegistrationsTest, ALimitIsKeptAndTheCookieGoesOnFromThere) {
  add(alice_, "kv");
  add(bob_, "kv");
  const Message one = discover("kv", {}, 1);
  EXPECT_EQ(one.registrations.size(), 1u);
  EXPECT_EQ(discover("kv", one.cookie, 5).registrations.size(), 1u);
  EXPECT_TRUE(discover("kv", {}, 0).registrations.empty());
}

TEST_F(RegistrationsTest, ARegistrationEndsByItselfOrWhenItIsTakenBack) {
  add(alice_, "kv", 60);
  now_ += 59s;
  EXPECT_EQ(discover("kv").registrations.at(0).ttl, 1u);
  now_ += 1s;
  EXPECT_TRUE(discover("kv").registrations.empty());
  EXPECT_EQ(registrations_.size(), 0u);
  add(alice_, "kv");
  Message request;
  request.kind = Kind::kUnregister;
  request.name = "kv";
  EXPECT_FALSE(registrations_.answer(id_of(bob_), request, now_));
  EXPECT_EQ(registrations_.size(), 1u) << "another's";
  EXPECT_FALSE(registrations_.answer(id_of(alice_), request, now_));
  EXPECT_EQ(registrations_.size(), 0u);
}

TEST_F(RegistrationsTest, WhatIsNotInOrderIsRefused) {
  EXPECT_EQ(add(alice_, "").status, Status::kInvalidNamespace);
  EXPECT_EQ(add(alice_, "kv", 0).status, Status::kInvalidTtl);
  EXPECT_EQ(add(alice_, "kv", kTtlMax + 1).status, Status::kInvalidTtl);
  Message request;
  request.registration = {"kv", record_of(bob_), std::nullopt};
  EXPECT_EQ(registrations_.answer(id_of(alice_), request, now_)->status, Status::kInvalidSignedPeerRecord);
  request.registration.signed_record.back() ^= 1;
  EXPECT_EQ(registrations_.answer(id_of(bob_), request, now_)->status, Status::kInvalidSignedPeerRecord);
  EXPECT_EQ(registrations_.size(), 0u);
}

TEST_F(RegistrationsTest, APeerAndAllTogetherHaveTheirBounds) {
  EXPECT_EQ(add(alice_, "1").status, Status::kOk);
  EXPECT_EQ(add(alice_, "2").status, Status::kOk);
  EXPECT_EQ(add(alice_, "3").status, Status::kUnavailable);
  EXPECT_EQ(add(alice_, "2").status, Status::kOk) << "one that is there";
  for (int i = 0; i < 4; ++i) EXPECT_EQ(add(PrivateKey::generate(), "kv").status, Status::kOk);
  EXPECT_EQ(add(PrivateKey::generate(), "kv").status, Status::kUnavailable);
  EXPECT_EQ(registrations_.size(), 6u);
}

TEST_F(RegistrationsTest, AnswersAreBounded) {
  Registrations small({.registrations_max = 100, .per_peer_max = 1, .answer_bytes_max = 1000}, 7);
  for (int i = 0; i < 20; ++i) {
    const PrivateKey key = PrivateKey::generate();
    Message request;
    request.registration = {"kv", record_of(key), std::nullopt};
    small.answer(id_of(key), request, now_);
  }
  Message request;
  request.kind = Kind::kDiscover;
  std::size_t found = 0;
  for (int i = 0; i < 20; ++i) {
    const Message answer = small.answer(PeerId(), request, now_).value();
    EXPECT_LE(serialise(answer).size(), 1100u);
    found += answer.registrations.size();
    request.cookie = answer.cookie;
  }
  EXPECT_EQ(found, 20u);
}

}  // namespace
}  // namespace libp2p::rendezvous
