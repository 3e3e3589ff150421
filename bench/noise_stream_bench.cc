// What the Noise stream costs beside its cipher: processor time of one thread, in memory, interleaved; medians.
//
//     build/release/bench/noise_stream_bench [--mib=64] [--rounds=7]
//
// "cipher" is OpenSSL's ChaCha20-Poly1305 alone on messages of 65,519 bytes, the largest that Noise has. Writes go to
// a raw stream that forgets them; reads come from one that copies frames sealed before, as a kernel copies them.
#include "bench/figures.h"
#include "libp2p/security/noise/noise_stream.h"

#include <openssl/evp.h>
#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>

namespace {

using namespace libp2p::noise;
using libp2p::Stream;

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "noise_stream_bench: %s failed\n", what);
  std::exit(1);
}

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/// The raw stream of both directions: forgets writes (or keeps them, if told), reads `source` to its end.
class RawStream final : public Stream {
 public:
  explicit RawStream(base::ConstBytes source, base::Bytes* keep) : source_(source), keep_(keep) {}
  base::Task<base::Result<std::size_t>> read_some(base::MutableBytes into) override { co_return read_available(into); }
  std::size_t read_available(base::MutableBytes into) override {
    const std::size_t count = std::min(into.size(), source_.size());
    std::memcpy(into.data(), source_.data(), count);
    source_ = source_.subspan(count);
    return count;
  }
  base::Task<base::Result<>> write(base::ConstBytes bytes) override {
    if (keep_) base::append(*keep_, bytes);
    co_return base::Result<>();
  }
  base::Task<base::Result<>> close_write() override { co_return base::Result<>(); }
  void reset() noexcept override {}

 private:
  base::ConstBytes source_;
  base::Bytes* keep_;
};

std::unique_ptr<Stream> make_stream(base::ConstBytes source, base::Bytes* keep) {
  const SecretBlock key;
  HandshakeState::Transport ciphers{CipherState(CipherState::Use::kSeal, key),
                                    CipherState(CipherState::Use::kOpen, key)};
  return std::make_unique<NoiseStream>(std::make_unique<RawStream>(source, keep), std::move(ciphers));
}

base::Task<> write_all(Stream& stream, base::ConstBytes payload, std::size_t piece_bytes) {
  while (!payload.empty()) {
    const base::ConstBytes piece = payload.first(std::min(piece_bytes, payload.size()));
    auto written = co_await stream.write(piece);
    require(written.has_value(), "write");
    payload = payload.subspan(piece.size());
  }
}

/// As a muxer writes: batches of headers and payloads.
base::Task<> write_muxed(Stream& stream, base::ConstBytes payload) {
  constexpr std::size_t kPayloadBytes = 65472;
  const base::Bytes header(12);
  std::vector<base::ConstBytes> batch;
  while (!payload.empty()) {
    batch.clear();
    for (int i = 0; i < 8 && !payload.empty(); ++i) {
      batch.push_back(header);
      batch.push_back(payload.first(std::min(kPayloadBytes, payload.size())));
      payload = payload.subspan(batch.back().size());
    }
    const std::span<const base::ConstBytes> span(batch);
    auto written = co_await stream.write_gather(span);
    require(written.has_value(), "write");
  }
}

base::Task<> read_all(Stream& stream, std::size_t total, base::MutableBytes into) {
  while (total > 0) {
    auto count = co_await stream.read_some(into);
    require(count && *count > 0, "read");
    total -= *count;
  }
}

void run(base::Task<> task) {
  boost::asio::io_context context(1);
  base::spawn(context.get_executor(), std::move(task));
  context.run();
}

/// The cipher alone, sealing or opening each message in place.
void run_cipher(base::MutableBytes bytes, bool seal) {
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  const base::Bytes key(32);
  EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr);
  require(EVP_CipherInit_ex2(context, cipher, key.data(), nullptr, seal, nullptr) == 1, "set-up");
  while (!bytes.empty()) {
    const base::MutableBytes message = bytes.first(std::min(kPlaintextMaxBytes, bytes.size()));
    const std::array<std::uint8_t, 12> nonce{};
    std::array<std::uint8_t, kTagBytes> tag{};
    int written = 0;
    EVP_CipherInit_ex2(context, nullptr, nullptr, nonce.data(), -1, nullptr);
    if (!seal) EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data());
    EVP_CipherUpdate(context, message.data(), &written, message.data(), static_cast<int>(message.size()));
    EVP_CipherFinal_ex(context, tag.data(), &written);  // opening finds the tag wrong, at the same cost
    if (seal) EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagBytes, tag.data());
    bytes = bytes.subspan(message.size());
  }
  EVP_CIPHER_CTX_free(context);
  EVP_CIPHER_free(cipher);
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t mib = 64;
  int rounds = 7;
  CLI::App app("What the Noise stream costs beside its cipher");
  app.add_option("--mib", mib, "MiB of each measurement")->check(CLI::Range(1, 1024));
  app.add_option("--rounds", rounds, "measurements of each; the median is printed")->check(CLI::Range(1, 1000));
  CLI11_PARSE(app, argc, argv);

  base::Bytes payload(mib << 20);
  base::random_bytes(base::MutableBytes(payload).first(1 << 20));
  base::Bytes wire;
  wire.reserve(payload.size() + payload.size() / 64);
  run(write_all(*make_stream({}, &wire), payload, 1 << 20));
  base::Bytes into(1 << 20);

  struct Measurement {
    const char* name;
    const char* against;
    std::function<void()> call;
  };
  const Measurement measurements[] = {
      {"cipher seals", "cipher seals", [&] { run_cipher(payload, true); }},
      {"stream writes 1 MiB", "cipher seals", [&] { run(write_all(*make_stream({}, nullptr), payload, 1 << 20)); }},
      {"stream writes 64 KiB", "cipher seals", [&] { run(write_all(*make_stream({}, nullptr), payload, 1 << 16)); }},
      {"stream writes 12 B + 63.9 KiB", "cipher seals", [&] { run(write_muxed(*make_stream({}, nullptr), payload)); }},
      {"cipher opens", "cipher opens", [&] { run_cipher(payload, false); }},
      {"stream reads 1 MiB", "cipher opens", [&] { run(read_all(*make_stream(wire, nullptr), payload.size(), into)); }},
      {"stream reads 64 KiB", "cipher opens",
       [&] { run(read_all(*make_stream(wire, nullptr), payload.size(), base::MutableBytes(into).first(1 << 16))); }},
      {"stream reads 16 KiB", "cipher opens",
       [&] { run(read_all(*make_stream(wire, nullptr), payload.size(), base::MutableBytes(into).first(1 << 14))); }},
  };
  std::map<std::string, std::vector<double>> rates;
  for (int round = 0; round < rounds; ++round) {
    for (const Measurement& measurement : measurements) {
      const double begin = cpu_seconds();
      measurement.call();
      const double seconds = cpu_seconds() - begin;
      rates[measurement.name].push_back(static_cast<double>(payload.size()) / 1e9 / seconds);
    }
  }
  std::printf("%-32s %8s %12s\n", "one thread", "GB/CPU s", "of cipher");
  for (const Measurement& measurement : measurements) {
    const double rate = kvp2p::bench::median(rates[measurement.name]);
    const double reference = kvp2p::bench::median(rates[measurement.against]);
    std::printf("%-32s %8.2f %11.0f%%\n", measurement.name, rate, 100 * rate / reference);
  }
}
