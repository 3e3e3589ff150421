// Multibase text: what decodes encodes to the same text again (but for the case of letters), and all bytes survive.
#include "multiformats/multibase.h"

#include <cstdlib>

using multiformats::Base;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::ConstBytes bytes(data, size);
  std::string text(base::as_text(bytes));
  if (const auto decoded = multiformats::decode_multibase(text)) {
    const Base base = static_cast<Base>(text.front());
    if (base == Base::kBase16 || base == Base::kBase32 || base == Base::kBase36) {
      for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    if (decoded->size() <= multiformats::kBase58BytesMax && multiformats::encode_multibase(base, *decoded) != text) {
      std::abort();
    }
  }
  if (size > multiformats::kBase58BytesMax) return 0;
  for (Base base : {Base::kBase16, Base::kBase32, Base::kBase36, Base::kBase58Btc, Base::kBase64Url}) {
    const std::string encoded = multiformats::encode_multibase(base, bytes);
    if (encoded.size() > multiformats::kBase58TextMax) continue;
    if (multiformats::decode_multibase(encoded).value() != base::to_bytes(bytes)) std::abort();
  }
  return 0;
}
