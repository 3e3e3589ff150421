#include "tests/sim/network.h"

#include "tests/sim/pipe.h"

#include <algorithm>
#include <cmath>

namespace kvp2p::sim {

namespace {

constexpr std::uint16_t kPort = 4001;
constexpr std::uint32_t kFirstAddress = 0x2c000000;
/// Numbers times this, modulo kNodesMax, are all different; times the other, themselves again.
constexpr std::uint32_t kSpread = 0x9e3779;
constexpr std::uint32_t inverse(std::uint32_t odd) {
  std::uint32_t x = odd;
  for (int i = 0; i < 5; ++i) x *= 2 - odd * x;
  return x;
}
static_assert(inverse(kSpread) * kSpread == 1);
constexpr std::size_t kSegmentBytes = 1400;
/// Of IP and TCP, a segment.
constexpr std::size_t kHeaderBytes = 52;
/// RFC 6298's least, as Linux has it.
constexpr base::Duration kRetransmitMin = std::chrono::milliseconds(200);
constexpr base::Duration kRetransmitMax = std::chrono::seconds(60);
/// Places where nodes are: data centres. Those of one are neighbours.
constexpr std::size_t kPlaces = 12;

std::size_t segments(std::size_t bytes) { return (bytes + kSegmentBytes - 1) / kSegmentBytes; }

base::Duration seconds(double s) {
  return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(s));
}

}  // namespace

NodeNumber Network::add_node() {
  const auto number = static_cast<NodeNumber>(ports_.size());
  assert(number < kNodesMax);
  // Places lie on a spiral; which one a node is at is random.
  const auto place = static_cast<double>(world_.pick(kPlaces));
  const double radius = 0.5 * std::sqrt((place + 0.5) / kPlaces);
  Port port;
  port.x = static_cast<float>(0.5 + radius * std::cos(2.4 * place) + 0.005 * world_.chance());
  port.y = static_cast<float>(0.5 + radius * std::sin(2.4 * place) + 0.005 * world_.chance());
  ports_.push_back(std::move(port));
  return number;
}

multiformats::Multiaddr Network::address_of(NodeNumber node) {
  return multiformats::Multiaddr::from_ip_tcp(
      boost::asio::ip::address_v4(kFirstAddress | (node * kSpread & (kNodesMax - 1))), kPort);
}

std::optional<NodeNumber> Network::node_at(const multiformats::Multiaddr& address) {
  const auto endpoint = address.tcp_endpoint();
  if (!endpoint || !endpoint->address.is_v4()) return std::nullopt;
  const std::uint32_t address_bits = endpoint->address.to_v4().to_uint();
  if ((address_bits & ~(kNodesMax - 1)) != kFirstAddress) return std::nullopt;
  return address_bits * inverse(kSpread) & (kNodesMax - 1);
}

std::vector<Pipe*> Network::pipes_of(NodeNumber node) const {
  std::vector<Pipe*> pipes;
  for (std::uint64_t number : ports_[node].pipes) pipes.push_back(pipes_.at(number));
  return pipes;
}

void Network::remove_node(NodeNumber node, bool silently) {
  world_.trace().note('x', world_.now(), node, silently);
  if (silently) ports_[node].gone = true;
  for (Pipe* pipe : pipes_of(node)) pipe->reset(pipe->end_of(node));
  ports_[node].gone = true;
  ports_[node].listener = nullptr;
}

void Network::partition(std::function<int(NodeNumber)> side) {
  world_.trace().note('p', world_.now(), 0, 0);
  side_ = std::move(side);
}

void Network::heal() {
  world_.trace().note('h', world_.now(), 0, 0);
  side_ = nullptr;
  for (const auto& [number, pipe] : pipes_) pipe->reachable_again();
}

void Network::break_connection(NodeNumber node) {
  const auto pipes = pipes_of(node);
  if (!pipes.empty()) pipes[world_.pick(pipes.size())]->break_both();
}

bool Network::can_reach(NodeNumber from, NodeNumber to) const {
  if (from >= ports_.size() || to >= ports_.size() || ports_[from].gone || ports_[to].gone) return false;
  return !side_ || side_(from) == side_(to);
}

base::Duration Network::delay(NodeNumber a, NodeNumber b) const {
  const double distance = std::hypot(ports_[a].x - ports_[b].x, ports_[a].y - ports_[b].y);
  return config_.delay_min +
         std::chrono::duration_cast<base::Duration>((config_.delay_max - config_.delay_min) * std::min(1.0, distance));
}

base::TimePoint Network::on_tick(base::TimePoint when) const {
  const auto since = when.time_since_epoch();
  return base::TimePoint((since + config_.tick - base::Duration(1)) / config_.tick * config_.tick);
}

std::optional<base::TimePoint> Network::send(NodeNumber from, NodeNumber to, std::size_t bytes) {
  if (!can_reach(from, to)) return std::nullopt;
  Port& port = ports_[from];
  const std::size_t count = std::max<std::size_t>(1, segments(bytes));
  const std::size_t all = bytes + count * kHeaderBytes;
  for (Traffic* traffic : {&port.traffic, &total_}) {
    traffic->bytes_sent += all;
    ++traffic->messages_sent;
  }
  port.up_until = std::max(port.up_until, world_.now()) + seconds(static_cast<double>(all) / config_.up_bytes_per_s);
  const base::Duration way = delay(from, to);
  base::TimePoint when =
      port.up_until + way + seconds(config_.jitter * world_.chance() * 1e-9 * static_cast<double>(way.count()));
  // Of the segments some are lost, of those that are sent again some once more, each time after a longer wait.
  double missing = static_cast<double>(count);
  for (base::Duration wait = std::max(kRetransmitMin, 2 * way); wait < kRetransmitMax; wait *= 2) {
    if (world_.chance() >= 1 - std::pow(1 - config_.segment_loss, missing)) break;
    missing = std::max(1.0, missing * config_.segment_loss);
    when += wait;
    ++port.traffic.retransmissions;
    ++total_.retransmissions;
  }
  return on_tick(when);
}

base::TimePoint Network::receive(NodeNumber to, std::size_t bytes) {
  Port& port = ports_[to];
  const std::size_t all = bytes + std::max<std::size_t>(1, segments(bytes)) * kHeaderBytes;
  for (Traffic* traffic : {&port.traffic, &total_}) {
    traffic->bytes_received += all;
    ++traffic->messages_received;
  }
  port.down_until =
      std::max(port.down_until, world_.now()) + seconds(static_cast<double>(all) / config_.down_bytes_per_s);
  return port.down_until < world_.now() + config_.tick ? world_.now() : on_tick(port.down_until);
}

base::TimePoint Network::send_again(NodeNumber from, NodeNumber to, base::TimePoint since) {
  // It has been tried at ever longer intervals: the last one is as long as all before.
  const base::Duration last = std::min<base::Duration>(world_.now() - since + kRetransmitMin, kRetransmitMax);
  return on_tick(world_.now() + seconds(world_.chance() * 1e-9 * static_cast<double>(last.count())) + delay(from, to));
}

std::uint64_t Network::add_pipe(Pipe& pipe) {
  const std::uint64_t number = next_pipe_++;
  pipes_.emplace(number, &pipe);
  for (NodeNumber node : pipe.nodes()) ports_[node].pipes.insert(number);
  return number;
}

void Network::remove_pipe(std::uint64_t number) {
  const auto found = pipes_.find(number);
  for (NodeNumber node : found->second->nodes()) ports_[node].pipes.erase(number);
  pipes_.erase(found);
}

void Network::note_dial(NodeNumber node) {
  ++ports_[node].traffic.dials;
  ++total_.dials;
}

}  // namespace kvp2p::sim
