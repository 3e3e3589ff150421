#include "multiformats/errors.h"

#include <string>

namespace multiformats {

namespace {

const char* text_of(Errc e) {
  switch (e) {
    case Errc::kIncomplete:
      return "varint is incomplete: more bytes are needed";
    case Errc::kVarintTooLong:
      return "varint is longer than 9 bytes";
    case Errc::kVarintNotMinimal:
      return "varint is not minimally encoded";
    case Errc::kTooLong:
      return "too long";
    case Errc::kEmpty:
      return "empty";
    case Errc::kBadCharacter:
      return "character that this encoding does not have";
    case Errc::kBadPadding:
      return "encoded text has left-over bits or an impossible length";
    case Errc::kUnknownBase:
      return "unknown multibase prefix";
    case Errc::kTruncated:
      return "bytes end inside a value";
    case Errc::kTrailingBytes:
      return "bytes follow the end of the value";
    case Errc::kUnknownHash:
      return "multihash is neither identity nor SHA-256";
    case Errc::kBadDigestLength:
      return "digest has the wrong length for its hash";
    case Errc::kBadProtobuf:
      return "malformed key protobuf: not exactly type and data, minimally encoded";
    case Errc::kUnknownKeyType:
      return "unknown key type";
    case Errc::kUnsupportedKeyType:
      return "unsupported type of private key: host keys are Ed25519";
    case Errc::kBadKey:
      return "malformed key";
    case Errc::kBadKeySize:
      return "RSA key outside 2,048 to 8,192 bits, or with an exponent of more than 32";
    case Errc::kBadSignature:
      return "signature does not fit message and key";
    case Errc::kNotInlined:
      return "peer id is a hash: the public key cannot be read from it";
    case Errc::kBadCid:
      return "not a peer id's CID";
    case Errc::kUnknownProtocol:
      return "multiaddr has an unknown protocol";
    case Errc::kBadAddressValue:
      return "multiaddr has a value that does not fit its protocol";
    case Errc::kMissingSlash:
      return "multiaddr does not begin with /";
    case Errc::kTooManyComponents:
      return "multiaddr has more than 32 components";
    case Errc::kKeyFileReadableByOthers:
      return "host key file may be read or written by other users: run chmod 600 on it";
    case Errc::kKeyFileNotRegular:
      return "host key path is not a regular file: name another one";
    case Errc::kKeyFileUnreadable:
      return "host key file cannot be read: check who owns it";
    case Errc::kKeyFileUnwritable:
      return "host key file cannot be created: check the folder's owner and free space";
    case Errc::kKeyFileCorrupt:
      return "host key file holds no Ed25519 private key: restore it, or delete it for a new identity";
  }
  return "unknown error";
}

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "multiformats"; }
  std::string message(int value) const override { return text_of(static_cast<Errc>(value)); }
};

}  // namespace

const boost::system::error_category& error_category() {
  static const Category category;
  return category;
}

}  // namespace multiformats
