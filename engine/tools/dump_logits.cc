// Writes the logits of every position of a prompt as raw little-endian fp32, [token][vocabulary], for comparison with
// another implementation (scripts/model/compare_logits.py).
#include "engine/matmul.h"
#include "engine/model_loader.h"
#include "engine/token_file.h"
#include "engine/transformer.h"

#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>

namespace {

using namespace kvp2p::engine;

struct Arguments {
  std::string model;
  std::string token_file;
  std::string out;
  std::size_t tokens = 512;
  std::size_t chunk = 192;
  int threads = 0;
};

int fail(const std::string& what, const base::Error& error) {
  std::cerr << what << ": " << error.message() << "\n";
  return 1;
}

int run(const Arguments& arguments) {
  set_blas_threads(arguments.threads);
  auto tokens = read_token_file(arguments.token_file);
  if (!tokens) return fail(arguments.token_file, tokens.error());
  auto model = load_model(arguments.model);
  if (!model) return fail(arguments.model, model.error());
  const ModelConfig& config = model->config;
  tokens->resize(std::min(tokens->size(), arguments.tokens));
  for (Token token : *tokens) {
    if (token >= config.vocab) return std::cerr << "token " << token << " is not in the vocabulary\n", 1;
  }
  std::ofstream out(arguments.out, std::ios::binary);
  Transformer transformer(*model, tokens->size());
  PagedKvCache kv({.layers = config.layers,
                   .kv_heads = config.kv_heads,
                   .head_dim = config.head_dim,
                   .pages = (tokens->size() + kPageTokensUnit - 1) / kPageTokensUnit});
  const BlockTable table = kv.allocate(tokens->size()).value();
  std::chrono::duration<double> prefill{};
  for (std::size_t start = 0; start < tokens->size(); start += arguments.chunk) {
    const auto begin = std::chrono::steady_clock::now();
    const std::size_t count = std::min(arguments.chunk, tokens->size() - start);
    Batch batch = transformer.embed_prompt({tokens->data() + start, count}, start);
    for (std::size_t layer = 0; layer < config.layers; ++layer) transformer.run_layer(batch, layer, kv, table);
    prefill += std::chrono::steady_clock::now() - begin;
    for (std::size_t i = 0; i < count; ++i) {
      const auto logits = transformer.logits(batch, i);
      out.write(reinterpret_cast<const char*>(logits.data()), static_cast<std::streamsize>(logits.size_bytes()));
    }
  }
  out.close();
  if (!out) return std::cerr << arguments.out << ": cannot write\n", 1;
  std::printf("%zu tokens, prefill %.3f s\n", tokens->size(), prefill.count());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Writes the logits of every position of a prompt");
  app.add_option("--model", arguments.model, "model folder, or synthetic:…")->required();
  app.add_option("--token-file", arguments.token_file, "one token id a line")->required();
  app.add_option("--out", arguments.out, "file to write")->required();
  app.add_option("--tokens", arguments.tokens, "how many tokens of the file")->check(CLI::PositiveNumber);
  app.add_option("--chunk", arguments.chunk, "tokens of one batch")->check(CLI::PositiveNumber);
  app.add_option("--threads", arguments.threads, "threads for products; 0 for one a core");
  CLI11_PARSE(app, argc, argv);
  return run(arguments);
}
