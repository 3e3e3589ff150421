#include "libp2p/security/tls/record_cipher.h"

#include <algorithm>
#include <cassert>

namespace libp2p::tls {

RecordCipher::RecordCipher(Use use, const TrafficSecret& secret) : use_(use), secret_(secret) { set_key(); }

void RecordCipher::set_key() {
  const SecretBytes key = secret_.key();
  const SecretBytes iv = secret_.iv();
  std::copy_n(iv.bytes().begin(), kIvBytes, iv_.begin());
  aead_ = Aead::create(secret_.suite(), use_, key.bytes());
}

void RecordCipher::update_key() {
  secret_ = secret_.next();
  sequence_ = 0;
  set_key();
}

void RecordCipher::begin(const std::uint8_t* header) {
  // Section 5.3: the sequence number, big-endian, over the end of the IV.
  Nonce nonce = iv_;
  for (std::size_t i = 0; i < 8; ++i) nonce[kIvBytes - 1 - i] ^= static_cast<std::uint8_t>(sequence_ >> (8 * i));
  ++sequence_;
  aead_->begin(nonce, {header, kRecordHeaderBytes});
}

std::size_t RecordCipher::seal(ContentType type, std::span<const base::ConstBytes> pieces, std::uint8_t* out) {
  std::size_t size = 0;
  for (const base::ConstBytes piece : pieces) size += piece.size();
  assert(size <= kContentMaxBytes);
  out[0] = static_cast<std::uint8_t>(ContentType::kApplicationData);
  base::store_be16(out + 1, 0x0303);
  base::store_be16(out + 3, static_cast<std::uint16_t>(size + 1 + kTagBytes));
  begin(out);
  std::uint8_t* at = out + kRecordHeaderBytes;
  for (const base::ConstBytes piece : pieces) {
    aead_->update(piece, at);
    at += piece.size();
  }
  const auto type_byte = static_cast<std::uint8_t>(type);
  aead_->update({&type_byte, 1}, at);
  aead_->write_tag(at + 1);
  return size + kRecordOverheadBytes;
}

std::optional<std::uint8_t> RecordCipher::open(base::ConstBytes record, std::uint8_t* out) {
  assert(record.size() >= kRecordOverheadBytes);
  // `out` may be where the ciphertext is: the last byte and the tag are read before it is written.
  std::array<std::uint8_t, kTagBytes> tag;
  std::copy_n(record.end() - kTagBytes, kTagBytes, tag.begin());
  const base::ConstBytes ciphertext = record.subspan(kRecordHeaderBytes, record.size() - kRecordOverheadBytes);
  std::uint8_t last = record[record.size() - kTagBytes - 1];
  begin(record.data());
  aead_->update(ciphertext, out);
  aead_->update({&last, 1}, &last);
  if (!aead_->check_tag(tag.data())) return std::nullopt;
  return last;
}

}  // namespace libp2p::tls
