// The handshake Noise_XX_25519_ChaChaPoly_SHA256 (noiseprotocol.org/noise.html revision 34, section 5), with the spec's
// objects and names. No I/O: messages in, messages out. Moved, not copied; keys are wiped. Not thread-safe.
//
// Whatever a peer can cause is Error::kHandshakeFailed; after an error the object is of no further use.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "libp2p/security/noise/cipher_state.h"
#include "libp2p/security/noise/secret_block.h"

#include <optional>
#include <string_view>
#include <utility>

namespace libp2p::noise {

inline constexpr std::string_view kProtocolName = "Noise_XX_25519_ChaChaPoly_SHA256";

/// An X25519 key pair.
struct KeyPair {
  SecretBlock private_key;
  Block public_key{};

  static KeyPair generate();
  static KeyPair from_private(const Block& private_key);
};

/// Chaining key, transcript hash and the handshake's current cipher key.
class SymmetricState {
 public:
  SymmetricState();
  void mix_key(const SecretBlock& input);
  void mix_hash(base::ConstBytes data);
  /// Appends the sealed payload to `to`, or, before there is a key, the payload itself.
  void encrypt_and_hash(base::ConstBytes payload, base::Bytes& to);
  base::Result<base::Bytes> decrypt_and_hash(base::ConstBytes data);
  /// The transport keys: first the one that the initiator sends with.
  std::pair<SecretBlock, SecretBlock> split() const;
  const Block& handshake_hash() const { return hash_; }
  bool has_key() const { return key_.has_value(); }

 private:
  SecretBlock chaining_key_;
  Block hash_{};
  std::optional<SecretBlock> key_;
  std::uint64_t nonce_ = 0;
};

enum class Role { kInitiator, kResponder };

/// Runs the pattern XX. The initiator writes the first and the third message, the responder the second:
///
///     -> e
///     <- e, ee, s, es
///     -> s, se
class HandshakeState {
 public:
  /// `ephemeral` is given by tests with published vectors only.
  HandshakeState(Role role, base::ConstBytes prologue, KeyPair static_key,
                 std::optional<KeyPair> ephemeral = std::nullopt);

  /// The next message, with `payload` in it. REQUIRES: is_my_turn(); the message fits into kMessageMaxBytes.
  base::Result<base::Bytes> write_message(base::ConstBytes payload);
  /// Reads the other side's next message and returns its payload. REQUIRES: not finished(), not is_my_turn().
  base::Result<base::Bytes> read_message(base::ConstBytes message);

  bool is_my_turn() const { return !finished() && (messages_ % 2 == 0) == (role_ == Role::kInitiator); }
  bool finished() const { return messages_ == kMessages; }
  /// The other side's static key. REQUIRES: its second or third message has been read.
  const Block& remote_static_key() const { return *remote_static_; }
  const Block& handshake_hash() const { return symmetric_.handshake_hash(); }

  struct Transport {
    CipherState send;
    CipherState receive;
  };
  /// The two directions' ciphers. REQUIRES: finished().
  Transport split() const;

 private:
  static constexpr int kMessages = 3;
  enum class Token { kE, kS, kEe, kEs, kSe };
  static std::span<const Token> message_tokens(int message);

  base::Result<> write_token(Token token, base::Bytes& to);
  base::Result<> read_token(Token token, base::ConstBytes& from);
  base::Result<> mix_dh(Token token);

  Role role_;
  SymmetricState symmetric_;
  KeyPair static_;
  KeyPair ephemeral_;
  std::optional<Block> remote_static_;
  std::optional<Block> remote_ephemeral_;
  int messages_ = 0;  ///< written and read so far
};

}  // namespace libp2p::noise
