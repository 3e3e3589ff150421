#include "apps/gpu-demo/options.h"
#include "apps/gpu-demo/roles.h"
#include "apps/gpu-demo/session.h"
#include "base/log.h"

int main(int argc, char** argv) {
  using namespace kvp2p::demo;
  Options options;
  if (const int exit_code = parse_options(argc, argv, options); exit_code >= 0) return exit_code;
  base::set_up_logging(options.log_level);
  StopSignal stop;
  if (options.role == "demo") return run_demo(options, stop);
  const Reporter reporter(options.json);
  Session session(options, reporter, stop);
  if (session.exit_code()) return *session.exit_code();
  return options.role == "producer" ? run_producer(session) : run_consumer(session);
}
