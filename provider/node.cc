#include "provider/node.h"

#include "provider/node_impl.h"

#include <algorithm>
#include <thread>

namespace kvp2p {

unsigned default_network_threads() { return std::clamp(std::thread::hardware_concurrency() / 2, 1u, 8u); }

base::Result<std::unique_ptr<Node>> Node::start(NodeConfig config) {
  auto node = std::make_unique<NodeImpl>();
  if (auto ready = node->set_up(std::move(config)); !ready) return ready.error();
  return std::unique_ptr<Node>(std::move(node));
}

}  // namespace kvp2p
