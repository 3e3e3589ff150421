#include "apps/gpu-demo/kv_dump.h"
#include "apps/gpu-demo/milliseconds.h"
#include "apps/gpu-demo/roles.h"
#include "apps/gpu-demo/stage_table.h"
#include "base/log.h"

#include <nlohmann/json.hpp>

namespace kvp2p::demo {

namespace {

constexpr int kExitDiffers = 3;

void fill_prefill(ConsumerResult& result, const engine::PrefillReport& prefill, const TransferReport& transfer) {
  result.prompt_tokens = prefill.prompt_tokens;
  result.fetched_tokens = prefill.fetched_tokens;
  result.computed_tokens = prefill.computed_tokens;
  result.restarts = prefill.restarts;
  result.reason = prefill.reason;
  result.prefill_ms = milliseconds_of(prefill.total);
  result.bytes_fetched = transfer.bytes_from_peers + transfer.bytes_direct;
  result.match_ms = milliseconds_of(transfer.match);
  result.network_ms = milliseconds_of(transfer.network);
  result.deserialise_ms = milliseconds_of(transfer.deserialise);
  result.verify_ms = milliseconds_of(transfer.verify);
  result.scatter_ms = milliseconds_of(transfer.scatter);
  result.direct_ms = milliseconds_of(transfer.direct);
  result.bytes_direct = transfer.bytes_direct;
  result.wire_bytes = transfer.wire_bytes_from_peers;
  result.path = transfer.path;
  result.decision = transfer.decision;
  result.total_ms = milliseconds_of(transfer.match + transfer.total);
}

/// The same prompt with the cache off and the same chunk boundaries: what the output must equal, and what computing the
/// fetched tokens takes.
base::Result<> compare_with_local_run(Session& session, const engine::Sequence& fetched, ConsumerResult& result) {
  engine::EngineOptions options = session.engine_options();
  options.extra_cuts.push_back(result.fetched_tokens);
  auto begin = std::chrono::steady_clock::now();
  options.on_prefill = [&](std::size_t done, std::size_t all) {
    session.progress().show("cache off: prefill", done, all);
    if (done == result.fetched_tokens) result.recompute_ms = milliseconds_of(std::chrono::steady_clock::now() - begin);
  };
  auto local = session.engines().make(std::move(options));
  if (!local) return local.error();
  begin = std::chrono::steady_clock::now();
  auto sequence = (*local)->prefill(session.prompt());
  if (!sequence) return sequence.error();
  auto generated = (*local)->decode(*sequence, session.options().generate_tokens);
  if (!generated) return generated.error();
  session.progress().clear();
  result.verified = true;
  result.matches_local = *generated == result.generated;
  // On a GPU bits depend on the chunks, and less than everything was fetched of another chunk than the local run's.
  const bool same_chunks = result.fetched_tokens == 0 || result.fetched_tokens == session.last_cut();
  if (session.engines().is_on_gpu() && !same_chunks) return {};
  result.kv_verified = true;
  const std::string digest = sequence->kv_digest(result.prompt_tokens);
  result.kv_matches_local = !digest.empty() && digest == fetched.kv_digest(result.prompt_tokens);
  return {};
}

std::string sentence_of(const ConsumerResult& result, bool gpu_memory) {
  std::string text = "prompt " + std::to_string(result.prompt_tokens) + " tokens: fetched " +
                     std::to_string(result.fetched_tokens) + " (" + format_bytes(result.bytes_fetched) +
                     "), computed " + std::to_string(result.computed_tokens);
  if (result.restarts > 0) text += ", started again " + std::to_string(result.restarts) + " times";
  if (!result.reason.empty()) text += "\n  " + result.reason;
  if (!result.decision.empty()) text += "\n  decision: " + result.decision;
  if (!result.path.empty()) text += "\n  path: " + result.path;
  text += "\n\n" + format_stages(consumer_rows(result, gpu_memory));
  if (!result.text.empty()) text += "\ngenerated: " + result.text;
  if (result.verified) text += "\n" + verdict_of(result);
  return text;
}

}  // namespace

int run_consumer(Session& session) {
  session.find_peers();
  auto sequence = session.engine().prefill(session.prompt());
  if (!sequence) return session.fail("prefill: " + sequence.error().message());
  ConsumerResult result;
  fill_prefill(result, sequence->report(), sequence->cache().transfer_report());
  if (!session.options().kv_dump.empty() &&
      !dump_kv(session.engine().kv(), sequence->table(), session.prompt().size() / kBlockTokens,
               session.options().kv_dump)) {
    return 1;
  }
  session.progress().show("generating");
  auto generated = session.engine().decode(*sequence, session.options().generate_tokens);
  if (!generated) return session.fail("generate: " + generated.error().message());
  session.progress().clear();
  result.generated = *generated;
  result.codec = session.options().codec;
  result.text = session.text_of(*generated);
  if (session.options().verify) {
    if (auto compared = compare_with_local_run(session, *sequence, result); !compared) {
      return session.fail("run with the cache off: " + compared.error().message());
    }
  }
  session.reporter().event("result", to_json(result), sentence_of(result, session.engines().is_on_gpu()));
  session.report_stats();
  return result.is_right() ? 0 : kExitDiffers;
}

}  // namespace kvp2p::demo
