#include "apps/gpu-demo/kv_dump.h"
#include "apps/gpu-demo/milliseconds.h"
#include "apps/gpu-demo/roles.h"
#include "apps/gpu-demo/stage_table.h"
#include "base/log.h"

#include <nlohmann/json.hpp>

namespace kvp2p::demo {

namespace {

constexpr auto kPublishTimeout = std::chrono::seconds(60);

void report_published(Session& session, engine::Sequence& sequence) {
  const auto& prefill = sequence.report();
  const PutReport put = sequence.cache().put_report();
  session.reporter().event("published",
                           {{"blocks", put.blocks_published},
                            {"blocks_dropped", put.blocks_dropped},
                            {"bytes", put.bytes},
                            {"gather_ms", milliseconds_of(put.gather)},
                            {"digest_ms", milliseconds_of(put.digest)},
                            {"prefill_ms", milliseconds_of(prefill.total)},
                            {"tokens", prefill.computed_tokens},
                            {"fetched_tokens", prefill.fetched_tokens}},
                           "computed " + std::to_string(prefill.computed_tokens) + " tokens in " +
                               std::to_string(static_cast<int>(milliseconds_of(prefill.total))) + " ms, published " +
                               std::to_string(put.blocks_published) + " blocks (" + format_bytes(put.bytes) + ")");
}

}  // namespace

int run_producer(Session& session) {
  if (!session.options().peers.empty()) session.find_peers();
  auto sequence = session.engine().prefill(session.prompt());
  if (!sequence) return session.fail("prefill: " + sequence.error().message());
  session.progress().clear();
  const std::size_t full_blocks = session.prompt().size() / kBlockTokens;
  if (!session.options().kv_dump.empty() &&
      !dump_kv(session.engine().kv(), sequence->table(), full_blocks, session.options().kv_dump)) {
    return 1;
  }
  auto published = sequence->cache().wait_published(std::chrono::steady_clock::now() + kPublishTimeout);
  if (!published) return session.fail("publish: " + published.error().message());
  // Whoever reads that it is published may send the signal at once, and wants a clean end.
  session.stop().on_signal({});
  report_published(session, *sequence);
  if (!session.reporter().json()) std::printf("serving; end with Ctrl-C\n");
  std::fflush(stdout);
  session.stop().wait();
  session.report_stats();
  session.node().stop();
  return 0;
}

}  // namespace kvp2p::demo
