#include "libp2p/dns/cares_resolver.h"

#include "libp2p/core/error.h"
#include "libp2p/dns/cares_lookup.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>

#include <cstring>
#include <optional>

namespace libp2p {

namespace {

namespace ip = boost::asio::ip;

/// A look-up and what it has found. The coroutine that waits owns it; destroying the look-up calls its callback.
template <class T>
struct Query {
  explicit Query(const base::Executor& executor) : lookup(executor) {}
  std::vector<T> found;
  CaresLookup lookup;  // destroyed first: the callback may still write to what is above
};

std::optional<ip::address> to_address(const ares_addrinfo_node& node) {
  if (node.ai_family == AF_INET) {
    sockaddr_in four;
    std::memcpy(&four, node.ai_addr, sizeof four);
    return ip::address_v4(ntohl(four.sin_addr.s_addr));
  }
  if (node.ai_family == AF_INET6) {
    sockaddr_in6 six;
    std::memcpy(&six, node.ai_addr, sizeof six);
    ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), &six.sin6_addr, bytes.size());
    return ip::address_v6(bytes);
  }
  return std::nullopt;
}

void on_addresses(void* query, int status, int, ares_addrinfo* result) {
  auto& to = *static_cast<Query<ip::address>*>(query);
  const std::unique_ptr<ares_addrinfo, decltype(&ares_freeaddrinfo)> owner(result, &ares_freeaddrinfo);
  const ares_addrinfo_node* node = result == nullptr ? nullptr : result->nodes;
  for (; node != nullptr && to.found.size() < kResolvedAddressesMax; node = node->ai_next) {
    if (const auto address = to_address(*node)) to.found.push_back(*address);
  }
  to.lookup.finish(status);
}

void on_texts(void* query, int status, int, unsigned char* answer, int size) {
  auto& to = *static_cast<Query<std::string>*>(query);
  ares_txt_ext* first = nullptr;
  if (status == ARES_SUCCESS) status = ares_parse_txt_reply_ext(answer, size, &first);
  const std::unique_ptr<ares_txt_ext, decltype(&ares_free_data)> owner(first, &ares_free_data);
  for (const ares_txt_ext* each = first; each != nullptr; each = each->next) {
    if (each->record_start != 0) {
      if (to.found.size() == kResolvedTextsMax) break;
      to.found.emplace_back();
    }
    if (!to.found.empty()) to.found.back().append(reinterpret_cast<const char*>(each->txt), each->length);
  }
  to.lookup.finish(status);
}

}  // namespace

base::Task<base::Result<std::vector<ip::address>>> CaresResolver::resolve_addresses(std::string name, IpFamily family,
                                                                                    std::stop_token stop) {
  const auto query = std::make_unique<Query<ip::address>>(executor_);
  if (query->lookup.open(servers_) != ARES_SUCCESS) co_return Error::kNameLookupFailed;
  ares_addrinfo_hints hints{};
  hints.ai_flags = ARES_AI_NOSORT;
  hints.ai_family = family == IpFamily::kIp4 ? AF_INET : family == IpFamily::kIp6 ? AF_INET6 : AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  ares_getaddrinfo(query->lookup.channel(), name.c_str(), nullptr, &hints, &on_addresses, query.get());
  query->lookup.update();
  auto ended = co_await query->lookup.wait(stop);
  if (!ended) co_return ended.error();
  if (query->found.empty()) co_return Error::kNameNotFound;
  co_return std::move(query->found);
}

base::Task<base::Result<std::vector<std::string>>> CaresResolver::resolve_texts(std::string name,
                                                                                std::stop_token stop) {
  const auto query = std::make_unique<Query<std::string>>(executor_);
  if (query->lookup.open(servers_) != ARES_SUCCESS) co_return Error::kNameLookupFailed;
  ares_query(query->lookup.channel(), name.c_str(), ns_c_in, ns_t_txt, &on_texts, query.get());
  query->lookup.update();
  auto ended = co_await query->lookup.wait(stop);
  if (!ended) co_return ended.error();
  if (query->found.empty()) co_return Error::kNameNotFound;
  co_return std::move(query->found);
}

}  // namespace libp2p
