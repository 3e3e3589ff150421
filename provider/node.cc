#include "provider/node.h"

#include "provider/node_impl.h"

namespace kvp2p {

base::Result<std::unique_ptr<Node>> Node::start(NodeConfig config) {
  auto node = std::make_unique<NodeImpl>();
  if (auto ready = node->set_up(std::move(config)); !ready) return ready.error();
  return std::unique_ptr<Node>(std::move(node));
}

}  // namespace kvp2p
