#include "libp2p/security/noise/noise_state.h"

#include "libp2p/core/error.h"
#include "libp2p/security/noise/noise_crypto.h"

#include <algorithm>
#include <cassert>

namespace libp2p::noise {

namespace {

/// Takes `size` bytes off the front of `from`.
base::Result<base::ConstBytes> take(base::ConstBytes& from, std::size_t size) {
  if (from.size() < size) return Error::kHandshakeFailed;
  const base::ConstBytes taken = from.first(size);
  from = from.subspan(size);
  return taken;
}

Block to_block(base::ConstBytes bytes) {
  assert(bytes.size() == kBlockBytes);
  Block block;
  std::copy(bytes.begin(), bytes.end(), block.begin());
  return block;
}

}  // namespace

SymmetricState::SymmetricState() {
  static_assert(kProtocolName.size() == kBlockBytes, "a name of exactly this size is its own hash");
  hash_ = to_block(base::as_bytes(kProtocolName));
  chaining_key_ = SecretBlock(hash_);
}

void SymmetricState::mix_key(const SecretBlock& input) {
  auto [chaining_key, key] = hkdf(chaining_key_, input.bytes());
  chaining_key_ = chaining_key;
  key_ = key;
  nonce_ = 0;
}

void SymmetricState::mix_hash(base::ConstBytes data) { hash_ = sha256(hash_, data); }

void SymmetricState::encrypt_and_hash(base::ConstBytes payload, base::Bytes& to) {
  const std::size_t begin = to.size();
  base::append(to, payload);
  if (key_) {
    to.resize(to.size() + kTagBytes);
    CipherState cipher(CipherState::Use::kSeal, *key_);
    cipher.set_nonce(nonce_++);
    const auto sealed = cipher.seal(hash_, payload, to.data() + begin);
    assert(sealed);
  }
  mix_hash(base::ConstBytes(to).subspan(begin));
}

base::Result<base::Bytes> SymmetricState::decrypt_and_hash(base::ConstBytes data) {
  base::Bytes payload = base::to_bytes(data);
  if (key_) {
    CipherState cipher(CipherState::Use::kOpen, *key_);
    cipher.set_nonce(nonce_++);
    auto opened = cipher.open(hash_, data, payload.data());
    if (!opened) return opened.error();
    payload.resize(payload.size() - kTagBytes);
  }
  mix_hash(data);
  return payload;
}

std::pair<SecretBlock, SecretBlock> SymmetricState::split() const { return hkdf(chaining_key_, {}); }

HandshakeState::HandshakeState(Role role, base::ConstBytes prologue, KeyPair static_key,
                               std::optional<KeyPair> ephemeral)
    : role_(role), static_(std::move(static_key)), ephemeral_(ephemeral ? std::move(*ephemeral) : KeyPair::generate()) {
  symmetric_.mix_hash(prologue);
}

std::span<const HandshakeState::Token> HandshakeState::message_tokens(int message) {
  static constexpr std::array kFirst{Token::kE};
  static constexpr std::array kSecond{Token::kE, Token::kEe, Token::kS, Token::kEs};
  static constexpr std::array kThird{Token::kS, Token::kSe};
  static constexpr std::array<std::span<const Token>, kMessages> kPattern{kFirst, kSecond, kThird};
  return kPattern[static_cast<std::size_t>(message)];
}

base::Result<base::Bytes> HandshakeState::write_message(base::ConstBytes payload) {
  assert(is_my_turn());
  base::Bytes message;
  for (Token token : message_tokens(messages_)) {
    auto written = write_token(token, message);
    if (!written) return written.error();
  }
  symmetric_.encrypt_and_hash(payload, message);
  assert(message.size() <= kMessageMaxBytes);
  ++messages_;
  return message;
}

base::Result<base::Bytes> HandshakeState::read_message(base::ConstBytes message) {
  assert(!finished() && !is_my_turn());
  for (Token token : message_tokens(messages_)) {
    auto read = read_token(token, message);
    if (!read) return read.error();
  }
  auto payload = symmetric_.decrypt_and_hash(message);
  if (payload) ++messages_;
  return payload;
}

base::Result<> HandshakeState::write_token(Token token, base::Bytes& to) {
  switch (token) {
    case Token::kE:
      base::append(to, ephemeral_.public_key);
      symmetric_.mix_hash(ephemeral_.public_key);
      return {};
    case Token::kS:
      symmetric_.encrypt_and_hash(static_.public_key, to);
      return {};
    default:
      return mix_dh(token);
  }
}

base::Result<> HandshakeState::read_token(Token token, base::ConstBytes& from) {
  switch (token) {
    case Token::kE: {
      auto key = take(from, kBlockBytes);
      if (!key) return key.error();
      remote_ephemeral_ = to_block(*key);
      symmetric_.mix_hash(*key);
      return {};
    }
    case Token::kS: {
      assert(symmetric_.has_key());  // in XX a static key is always sealed
      auto sealed = take(from, kBlockBytes + kTagBytes);
      if (!sealed) return sealed.error();
      auto key = symmetric_.decrypt_and_hash(*sealed);
      if (!key) return key.error();
      remote_static_ = to_block(*key);
      return {};
    }
    default:
      return mix_dh(token);
  }
}

base::Result<> HandshakeState::mix_dh(Token token) {
  // The first letter is the initiator's key, the second the responder's.
  const bool initiator = role_ == Role::kInitiator;
  const bool ours_static = token == (initiator ? Token::kSe : Token::kEs);
  const bool theirs_static = token == (initiator ? Token::kEs : Token::kSe);
  const auto shared =
      diffie_hellman(ours_static ? static_ : ephemeral_, theirs_static ? *remote_static_ : *remote_ephemeral_);
  if (!shared) return Error::kHandshakeFailed;
  symmetric_.mix_key(*shared);
  return {};
}

HandshakeState::Transport HandshakeState::split() const {
  assert(finished());
  const auto [initiators, responders] = symmetric_.split();
  const bool initiator = role_ == Role::kInitiator;
  return {CipherState(CipherState::Use::kSeal, initiator ? initiators : responders),
          CipherState(CipherState::Use::kOpen, initiator ? responders : initiators)};
}

}  // namespace libp2p::noise
