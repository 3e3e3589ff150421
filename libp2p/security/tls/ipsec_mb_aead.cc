#include "libp2p/security/tls/aead.h"

#ifdef KVP2P_HAS_IPSEC_MB

#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>

namespace libp2p::tls {

namespace {

/// The process's own: a table of functions for this processor. Null without AES instructions, where OpenSSL is faster.
const IMB_MGR* manager() {
  static const IMB_MGR* const made = []() -> IMB_MGR* {
    IMB_MGR* const manager = alloc_mb_mgr(0);
    if (manager == nullptr) return nullptr;
    IMB_ARCH arch = IMB_ARCH_NONE;
    init_mb_mgr_auto(manager, &arch);
    if (arch >= IMB_ARCH_SSE && (manager->features & IMB_FEATURE_AESNI) != 0) return manager;
    free_mb_mgr(manager);
    return nullptr;
  }();
  return made;
}

/// What differs between the lengths of key.
struct Functions {
  aes_gcm_pre_t set_key;
  aes_gcm_init_t begin;
  aes_gcm_enc_dec_update_t seal, open;
  aes_gcm_enc_dec_finalize_t end_sealing, end_opening;
};

Functions functions_of(const IMB_MGR& m, Suite suite) {
  if (suite == Suite::kAes128GcmSha256) {
    return {m.gcm128_pre,        m.gcm128_init,         m.gcm128_enc_update,
            m.gcm128_dec_update, m.gcm128_enc_finalize, m.gcm128_dec_finalize};
  }
  return {m.gcm256_pre,        m.gcm256_init,         m.gcm256_enc_update,
          m.gcm256_dec_update, m.gcm256_enc_finalize, m.gcm256_dec_finalize};
}

class IpsecMbAead final : public Aead {
 public:
  IpsecMbAead(const Functions& functions, Use use, base::ConstBytes key)
      : functions_(functions), update_(use == Use::kSeal ? functions.seal : functions.open) {
    functions_.set_key(key.data(), &key_);
  }
  ~IpsecMbAead() override {
    OPENSSL_cleanse(&key_, sizeof key_);
    OPENSSL_cleanse(&record_, sizeof record_);
  }
  IpsecMbAead(const IpsecMbAead&) = delete;
  IpsecMbAead& operator=(const IpsecMbAead&) = delete;

  void begin(const Nonce& nonce, base::ConstBytes header) override {
    functions_.begin(&key_, &record_, nonce.data(), header.data(), header.size());
  }
  void update(base::ConstBytes in, std::uint8_t* out) override {
    if (!in.empty()) update_(&key_, &record_, out, in.data(), in.size());
  }
  void write_tag(std::uint8_t* tag) override { functions_.end_sealing(&key_, &record_, tag, kTagBytes); }
  bool check_tag(const std::uint8_t* tag) override {
    std::array<std::uint8_t, kTagBytes> right;
    functions_.end_opening(&key_, &record_, right.data(), right.size());
    return CRYPTO_memcmp(right.data(), tag, kTagBytes) == 0;
  }

 private:
  const Functions functions_;
  const aes_gcm_enc_dec_update_t update_;
  gcm_key_data key_;
  gcm_context_data record_;
};

}  // namespace

std::unique_ptr<Aead> make_ipsec_mb_aead(Suite suite, Aead::Use use, base::ConstBytes key) {
  if (suite == Suite::kChaCha20Poly1305Sha256 || manager() == nullptr) return nullptr;
  return std::make_unique<IpsecMbAead>(functions_of(*manager(), suite), use, key);
}

}  // namespace libp2p::tls

#else

namespace libp2p::tls {

std::unique_ptr<Aead> make_ipsec_mb_aead(Suite, Aead::Use, base::ConstBytes) { return nullptr; }

}  // namespace libp2p::tls

#endif
