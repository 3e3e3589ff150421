// Whole models: against the processor's engine, and against themselves cut and laid out in other ways.
#include "engine/cuda/cuda_backend.h"
#include "engine/cuda/gpu_checks.h"
#include "engine/engine.h"
#include "engine/model_loader.h"
#include "engine/testing/numbers.h"

#include <algorithm>

namespace kvp2p::engine::cuda::checks {
namespace {

using testing::Numbers;
using ModelPtr = std::shared_ptr<const CudaModel>;

constexpr std::size_t kPositions = 400;

void round_weights(Matrix& matrix) {
  for (float& x : matrix.values) x = to_float(to_bf16(x));
}

/// The processor's model with the very weights that the GPU has.
Model rounded(Model model) {
  round_weights(model.embedding);
  round_weights(model.output);
  for (LayerWeights& layer : model.layers) {
    for (Matrix* matrix : {&layer.qkv, &layer.attention_out, &layer.gate_up, &layer.down}) round_weights(*matrix);
  }
  return model;
}

KvPagesOptions pages_for(const ModelConfig& c, KvLayout layout = KvLayout::kNhd, std::size_t page_tokens = 16) {
  return {.layers = c.layers,
          .kv_heads = c.kv_heads,
          .head_dim = c.head_dim,
          .pages = kPositions / page_tokens + 2,
          .page_tokens = page_tokens,
          .layout = layout};
}

std::unique_ptr<CudaBackend> backend_for(Checks& checks, const ModelPtr& model, const KvPagesOptions& pages) {
  auto backend = CudaBackend::create(model, kPositions, kPositions, pages);
  if (backend) return std::move(*backend);
  checks.say("CudaBackend::create", false, backend.error().message());
  return nullptr;
}

/// Logits after tokens, run in chunks that end at `ends`; the sequence's table is left in `table`.
std::vector<float> run(CudaBackend& backend, std::span<const Token> tokens, const std::vector<std::size_t>& ends,
                       BlockTable& table) {
  table = backend.kv().allocate(tokens.size()).value();
  std::size_t start = 0;
  for (std::size_t end : ends) {
    const auto ok = backend.run_prompt(tokens.subspan(start, end - start), start, table, [](auto) { return true; });
    if (!ok) return {};
    start = end;
  }
  auto logits = backend.logits();
  return logits ? *logits : std::vector<float>();
}

std::vector<std::uint16_t> read_kv(const KvPages& kv, const BlockTable& table, std::size_t tokens) {
  std::vector<std::uint16_t> all;
  std::vector<std::uint16_t> part(tokens * kv.options().head_dim);
  for (std::size_t layer = 0; layer < kv.options().layers; ++layer) {
    for (KvPlane plane : {KvPlane::kKeys, KvPlane::kValues}) {
      for (std::size_t head = 0; head < kv.options().kv_heads; ++head) {
        if (!kv.read(layer, plane, table, head, tokens, part.data())) return {};
        all.insert(all.end(), part.begin(), part.end());
      }
    }
  }
  return all;
}

std::vector<std::uint16_t> bits_of(const std::vector<float>& values) {
  std::vector<std::uint16_t> bits(values.size() * 2);
  std::memcpy(bits.data(), values.data(), values.size() * sizeof(float));
  return bits;
}

std::vector<float> host_logits(const Model& model, std::span<const Token> tokens) {
  Transformer transformer(model, kPositions);
  PagedKvCache kv(pages_for(model.config));
  const BlockTable table = kv.allocate(tokens.size()).value();
  Batch batch = transformer.embed_prompt(tokens, 0);
  for (std::size_t layer = 0; layer < model.config.layers; ++layer) transformer.run_layer(batch, layer, kv, table);
  const auto logits = transformer.logits(batch, batch.count - 1);
  return {logits.begin(), logits.end()};
}

void check_against_host(Checks& checks, const std::string& name, const Model& host, const ModelPtr& model) {
  std::size_t agree = 0;
  std::size_t asked = 0;
  for (std::size_t count : {1, 2, 15, 16, 17, 33, 63, 64, 65, 130, 333}) {
    const auto tokens = Numbers(count).tokens(count, host.config.vocab);
    auto backend = backend_for(checks, model, pages_for(host.config));
    if (!backend) return;
    BlockTable table;
    const auto got = run(*backend, tokens, {count}, table);
    const auto expected = host_logits(host, tokens);
    const std::string here = name + " logits after " + std::to_string(count) + " tokens";
    if (got.size() != expected.size()) {
      checks.say(here, false, "the GPU failed");
      continue;
    }
    checks.cosine(here, got, expected, 0.999);
    const auto next = backend->next_token();
    const Token best = engine::argmax(got);
    checks.say(here + ": next_token() is the greatest", next && *next == best);
    ++asked;
    agree += best == engine::argmax(expected) ? 1 : 0;
  }
  checks.say(name + " argmax mostly as the processor's", agree * 10 >= asked * 8,
             std::to_string(agree) + " of " + std::to_string(asked));
}

void check_cuts(Checks& checks, const std::string& name, const ModelPtr& model) {
  const ModelConfig& c = model->config();
  const std::size_t count = 150;
  const auto tokens = Numbers(4).tokens(count, c.vocab);
  auto backend = backend_for(checks, model, pages_for(c));
  if (!backend) return;
  BlockTable table;
  const auto whole = run(*backend, tokens, {count}, table);
  const auto kv = read_kv(backend->kv(), table, count);
  backend->kv().release(table);
  const auto again = run(*backend, tokens, {count}, table);
  checks.equal(name + " again: logits", bits_of(again), bits_of(whole));
  checks.equal(name + " again: KV", read_kv(backend->kv(), table, count), kv);
  backend->kv().release(table);
  checks.cosine(name + " in chunks", run(*backend, tokens, {48, 96, 97, 144, count}, table), whole, 0.9995);
  backend->kv().release(table);

  BlockTable generated;
  run(*backend, {tokens.data(), 100}, {100}, generated);
  bool ok = static_cast<bool>(backend->kv().extend(generated, count));
  for (std::size_t i = 100; i < count; ++i) ok = ok && backend->run_next(tokens[i], i, generated);
  auto logits = backend->logits();
  ok = ok && logits;
  checks.say(name + " decoding runs", ok);
  if (ok) checks.cosine(name + " last 50 decoded", *logits, whole, 0.9995);

  for (KvLayout layout : {KvLayout::kNhd, KvLayout::kHnd}) {
    for (std::size_t page_tokens : {16, 48, 64}) {
      auto other = backend_for(checks, model, pages_for(c, layout, page_tokens));
      if (!other) return;
      const std::string here =
          name + (layout == KvLayout::kNhd ? " NHD" : " HND") + " pages of " + std::to_string(page_tokens);
      checks.equal(here + ": logits", bits_of(run(*other, tokens, {count}, table)), bits_of(whole));
      checks.equal(here + ": KV", read_kv(other->kv(), table, count), kv);
    }
  }
}

/// A prefix whose K and V came from elsewhere: what is computed after it has the bits of a run without.
void check_fetched_prefix(Checks& checks, const std::string& name, const ModelPtr& model) {
  const ModelConfig& c = model->config();
  for (std::size_t count : {97, 129, 150}) {
    const std::size_t prefix = (count - 1) / 16 * 16;
    const std::string here =
        name + " after a fetched prefix of " + std::to_string(prefix) + "/" + std::to_string(count);
    const auto tokens = Numbers(count).tokens(count, c.vocab);
    auto local = backend_for(checks, model, pages_for(c));
    auto consumer = backend_for(checks, model, pages_for(c));
    if (!local || !consumer) return;
    BlockTable table;
    const auto expected = run(*local, tokens, {prefix, count}, table);
    // Pages of a producer that stopped at the prefix, all of them at once: the tables are the same.
    auto producer = backend_for(checks, model, pages_for(c));
    BlockTable produced;
    if (!producer || run(*producer, {tokens.data(), prefix}, {prefix}, produced).empty()) return;
    static_cast<void>(checks.stream().copy(consumer->kv().memory().start, producer->kv().memory().start,
                                           producer->kv().memory().bytes));
    static_cast<void>(checks.stream().synchronize());
    const BlockTable mine = consumer->kv().allocate(count).value();
    const auto ok =
        consumer->run_prompt({tokens.data() + prefix, count - prefix}, prefix, mine, [](auto) { return true; });
    auto logits = consumer->logits();
    if (!ok || !logits) {
      checks.say(here, false, "the GPU failed");
      continue;
    }
    checks.equal(here + ": logits", bits_of(*logits), bits_of(expected));
    checks.equal(here + ": KV", read_kv(consumer->kv(), mine, count), read_kv(local->kv(), table, count));
  }
}

void check_engine(Checks& checks, const std::string& name, const ModelPtr& model) {
  EngineOptions options;
  options.tokens_max = 300;
  options.kv_tokens = 640;
  options.chunk_tokens = 64;
  options.stop_at_end_token = false;
  const auto tokens = Numbers(8).tokens(200, model->config().vocab);
  const auto run_engine = [&](EngineOptions o) {
    auto backend = CudaBackend::create(model, positions_for(model->config(), o), o.chunk_tokens,
                                       kv_options_for(model->config(), o));
    std::vector<Token> generated;
    if (!backend) return std::pair(generated, std::string());
    Engine engine(std::move(*backend), o);
    auto sequence = engine.prefill(tokens);
    if (!sequence) return std::pair(generated, std::string());
    const std::string digest = sequence->kv_digest(200);
    if (auto more = engine.decode(*sequence, 40)) generated = *more;
    return std::pair(generated, digest);
  };
  const auto first = run_engine(options);
  const auto second = run_engine(options);
  checks.say(name + " engine generates", first.first.size() == 40);
  checks.say(name + " engine repeats itself", first == second);
  options.layout = KvLayout::kHnd;
  options.page_tokens = 32;
  checks.say(name + " engine in another layout", run_engine(options) == first);
}

/// The GPU's generator makes the processor's weights, rounded: an upload of them runs to the same bits.
void check_synthetic(Checks& checks, const std::string& name, const Model& host, const ModelPtr& made) {
  auto uploaded = CudaModel::upload(checks.stream().device(), host);
  if (!uploaded) return checks.say(name + " upload", false, uploaded.error().message());
  const auto tokens = Numbers(2).tokens(70, host.config.vocab);
  auto a = backend_for(checks, made, pages_for(host.config));
  auto b = backend_for(checks, *uploaded, pages_for(host.config));
  if (!a || !b) return;
  BlockTable table;
  const auto expected = run(*a, tokens, {70}, table);
  checks.equal(name + " made here and uploaded: logits", bits_of(run(*b, tokens, {70}, table)), bits_of(expected));
  std::vector<std::uint16_t> embedding(host.embedding.values.size());
  static_cast<void>(checks.stream().copy(embedding.data(), made->embedding(), embedding.size() * 2));
  static_cast<void>(checks.stream().synchronize());
  checks.equal(name + " embedding as the processor's", embedding, to_bf16s(host.embedding.values));
}

void check_model(Checks& checks, const std::string& text, bool scaled_rope) {
  auto spec = parse_synthetic_spec(text).value();
  if (scaled_rope) {
    spec.config.rope_scaling =
        Llama3RopeScaling{.factor = 8, .low_freq_factor = 1, .high_freq_factor = 4, .original_max_positions = 64};
  }
  const Model host = make_synthetic_model(spec).value();
  auto model = CudaModel::make_synthetic(checks.stream().device(), spec);
  if (!model) return checks.say(text, false, model.error().message());
  check_synthetic(checks, text, host, *model);
  check_against_host(checks, text, rounded(host), *model);
  check_cuts(checks, text, *model);
  check_fetched_prefix(checks, text, *model);
  check_engine(checks, text, *model);
}

}  // namespace

void check_models(Checks& checks) {
  check_model(checks, "synthetic:layers=3,hidden=256,heads=4,kv_heads=2,vocab=1000,tied=0,seed=3", true);
  check_model(checks, "synthetic:layers=2,hidden=512,heads=4,kv_heads=1,vocab=2000,tied=0,seed=4", false);
  check_model(checks, "synthetic:layers=2,hidden=240,heads=3,kv_heads=3,vocab=301,tied=1,seed=5", false);
  check_model(checks, "synthetic:layers=4,hidden=256,heads=8,kv_heads=2,tied=0,seed=7", false);
}

}  // namespace kvp2p::engine::cuda::checks
