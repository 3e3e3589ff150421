#include "libp2p/discovery/mdns/mdns_service.h"

#include "base/log.h"
#include "libp2p/discovery/mdns/answer_schedule.h"
#include "libp2p/discovery/mdns/mdns_protocol.h"
#include "libp2p/discovery/mdns/multicast_socket.h"
#include "libp2p/discovery/mdns/network_interface.h"
#include "libp2p/discovery/mdns/sightings.h"

#include <map>
#include <utility>

namespace libp2p::mdns {

namespace {

constexpr base::Duration kFirstQueryInterval = std::chrono::seconds(1);
constexpr base::Duration kInterfacePollInterval = std::chrono::seconds(3);
/// RFC 6762 section 6: answers of different peers are spread over this time.
constexpr base::Duration kJitterMin = std::chrono::milliseconds(20);
constexpr base::Duration kJitterMax = std::chrono::milliseconds(120);

base::Duration random_jitter() {
  std::array<std::uint8_t, 8> bytes;
  base::random_bytes(bytes);
  const auto span = static_cast<std::uint64_t>((kJitterMax - kJitterMin).count());
  return kJitterMin + base::Duration(static_cast<std::int64_t>(base::load_le64(bytes.data()) % span));
}

/// One interface by one address family.
struct Link {
  NetworkInterface interface;
  Family family;
  std::unique_ptr<MulticastSocket> socket;
  AnswerSchedule answers;
  std::unique_ptr<base::Timer> answer_timer;
  bool send_failed = false;  ///< said so already
};

bool has_family(const NetworkInterface& interface, Family family) {
  return std::any_of(interface.addresses.begin(), interface.addresses.end(),
                     [&](const InterfaceAddress& a) { return a.address.is_v4() == (family == Family::kIp4); });
}

const char* name_of(Family family) { return family == Family::kIp4 ? "IPv4" : "IPv6"; }

}  // namespace

class MdnsService::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(const base::Executor& executor, base::Clock& clock, MdnsConfig config, OnPeer on_peer)
      : executor_(executor),
        clock_(clock),
        config_(std::move(config)),
        on_peer_(std::move(on_peer)),
        protocol_(config_.peer_id, config_.service, make_peer_name()) {}

  void start();
  void query_now();
  void close();

 private:
  using Key = std::pair<unsigned, Family>;

  static base::Task<> receive_loop(std::shared_ptr<Impl> self, std::shared_ptr<Link> link);

  void follow_interfaces();
  void open_link(const Key& key, const NetworkInterface& interface);
  void close_link(Link& link);
  void query();
  void on_packet(Link& link, const boost::asio::ip::address& sender, base::ConstBytes packet);
  void plan_answer(Link& link, std::uint8_t asked);
  void answer(Link& link);
  void send(Link& link, base::ConstBytes packet);

  base::Executor executor_;
  base::Clock& clock_;
  MdnsConfig config_;
  OnPeer on_peer_;
  MdnsProtocol protocol_;
  Sightings sightings_;
  std::map<Key, std::shared_ptr<Link>> links_;
  std::map<Key, base::Error> open_failures_;  ///< said so already
  base::Duration query_interval_ = kFirstQueryInterval;
  std::unique_ptr<base::Timer> query_timer_;
  std::unique_ptr<base::Timer> interface_timer_;
  bool closed_ = false;
};

void MdnsService::Impl::start() {
  follow_interfaces();
  if (links_.empty()) LOG_WARN("mDNS: no interface is up that can multicast; waiting for one");
}

void MdnsService::Impl::query_now() {
  query_interval_ = kFirstQueryInterval;
  query();
}

void MdnsService::Impl::close() {
  closed_ = true;
  query_timer_.reset();
  interface_timer_.reset();
  for (auto& [key, link] : links_) close_link(*link);
  links_.clear();
}

void MdnsService::Impl::close_link(Link& link) {
  link.answer_timer.reset();
  link.socket->close();
}

void MdnsService::Impl::follow_interfaces() {
  if (closed_) return;
  interface_timer_ = clock_.call_at(clock_.now() + kInterfacePollInterval, [this] { follow_interfaces(); });
  const auto interfaces = list_multicast_interfaces();
  if (!interfaces) {
    LOG_WARN("mDNS: cannot list network interfaces: {}", interfaces.error().message());
    return;
  }
  std::map<Key, const NetworkInterface*> wanted;
  for (const NetworkInterface& interface : *interfaces) {
    for (Family family : {Family::kIp4, Family::kIp6}) {
      if (has_family(interface, family)) wanted[{interface.index, family}] = &interface;
    }
  }
  // An interface whose addresses have changed is opened anew: it sends from one of them.
  std::erase_if(links_, [&](const auto& entry) {
    const auto found = wanted.find(entry.first);
    if (found != wanted.end() && *found->second == entry.second->interface) return false;
    close_link(*entry.second);
    return true;
  });
  const std::size_t before = links_.size();
  for (const auto& [key, interface] : wanted) {
    if (!links_.contains(key)) open_link(key, *interface);
  }
  if (links_.size() > before) query_now();
}

void MdnsService::Impl::open_link(const Key& key, const NetworkInterface& interface) {
  auto socket = MulticastSocket::open(executor_, interface, key.second);
  if (!socket) {
    if (std::exchange(open_failures_[key], socket.error()) != socket.error()) {
      LOG_WARN("mDNS: cannot use {} by {}: {}", interface.name, name_of(key.second), socket.error().message());
    }
    return;
  }
  open_failures_.erase(key);
  LOG_DEBUG("mDNS: on {} by {}", interface.name, name_of(key.second));
  auto link = std::make_shared<Link>();
  link->interface = interface;
  link->family = key.second;
  link->socket = std::move(*socket);
  links_[key] = link;
  base::spawn(executor_, receive_loop(shared_from_this(), std::move(link)));
}

void MdnsService::Impl::query() {
  query_timer_ = clock_.call_at(clock_.now() + query_interval_, [this] { query(); });
  query_interval_ = std::min(query_interval_ * 2, config_.query_interval_max);
  // We hear our own query and answer it as anybody's, so that those who only listen find us.
  const base::Bytes packet = protocol_.make_query();
  for (auto& [key, link] : links_) send(*link, packet);
}

void MdnsService::Impl::send(Link& link, base::ConstBytes packet) {
  const auto sent = link.socket->send(packet);
  if (!sent && !std::exchange(link.send_failed, true)) {
    LOG_DEBUG("mDNS: cannot send on {} by {}: {}", link.interface.name, name_of(link.family), sent.error().message());
  }
}

base::Task<> MdnsService::Impl::receive_loop(std::shared_ptr<Impl> self, std::shared_ptr<Link> link) {
  base::Bytes buffer(kDnsMessageMaxBytes);
  const base::MutableBytes into(buffer);
  while (!self->closed_) {
    auto datagram = co_await link->socket->receive(into);
    if (!datagram || self->closed_) break;
    self->on_packet(*link, datagram->sender, into.first(datagram->size));
  }
  // Closed, or the interface has failed: in that case the next look at the interfaces opens it again.
  std::erase_if(self->links_, [&](const auto& entry) { return entry.second == link; });
  self->close_link(*link);
}

void MdnsService::Impl::on_packet(Link& link, const boost::asio::ip::address& sender, base::ConstBytes packet) {
  if (!link.interface.is_local(sender)) return;
  const auto heard = protocol_.read(packet);
  if (!heard) return;  // others on this port may say what they like
  if (heard->asked != kAskedNothing) plan_answer(link, heard->asked);
  const Origin origin{link.interface.name, link.interface.has(sender)};
  for (const DiscoveredPeer& discovered : heard->peers) {
    std::vector<multiformats::Multiaddr> addresses;
    for (const multiformats::Multiaddr& address : discovered.addresses) {
      auto here = address_heard_from(address, origin);
      if (here) addresses.push_back(std::move(*here));
    }
    if (addresses.empty() || !sightings_.is_news(discovered.peer, addresses, clock_.now())) continue;
    on_peer_(discovered.peer, std::move(addresses));
    if (closed_) return;
  }
}

void MdnsService::Impl::plan_answer(Link& link, std::uint8_t asked) {
  const base::TimePoint due = link.answers.ask(asked, clock_.now(), random_jitter());
  // The link's timer goes with the link.
  link.answer_timer = clock_.call_at(due, [this, &link] { answer(link); });
}

void MdnsService::Impl::answer(Link& link) {
  const std::uint8_t asked = link.answers.take(clock_.now());
  const auto own = link.interface.plain_addresses();
  const auto addresses = addresses_for_interface(config_.addresses(), own);
  for (const base::Bytes& packet : protocol_.make_answers(asked, addresses)) send(link, packet);
}

MdnsService::MdnsService(const base::Executor& executor, base::Clock& clock, MdnsConfig config, OnPeer on_peer)
    : impl_(std::make_shared<Impl>(executor, clock, std::move(config), std::move(on_peer))) {}

MdnsService::~MdnsService() { impl_->close(); }

void MdnsService::start() { impl_->start(); }

void MdnsService::query_now() { impl_->query_now(); }

void MdnsService::close() { impl_->close(); }

}  // namespace libp2p::mdns
