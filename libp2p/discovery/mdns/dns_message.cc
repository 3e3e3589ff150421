#include "libp2p/discovery/mdns/dns_message.h"

#include "libp2p/core/error.h"

#include <algorithm>
#include <cassert>

namespace libp2p::mdns {

namespace {

constexpr std::uint16_t kResponseFlag = 0x8000;
constexpr std::uint16_t kAuthoritativeFlag = 0x0400;
constexpr std::uint16_t kClassTopBit = 0x8000;
constexpr std::uint8_t kPointerBits = 0xc0;
constexpr std::size_t kHeaderBytes = 12;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_label(const std::string& a, const std::string& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

/// Reads one message from front to back; names may point back into what was read.
class Reader {
 public:
  explicit Reader(base::ConstBytes message) : message_(message) {}

  base::Result<base::ConstBytes> take(std::size_t size) {
    if (message_.size() - at_ < size) return Error::kMalformedMessage;
    const base::ConstBytes taken = message_.subspan(at_, size);
    at_ += size;
    return taken;
  }
  base::Result<std::uint8_t> u8() {
    auto bytes = take(1);
    if (!bytes) return bytes.error();
    return bytes->front();
  }
  base::Result<std::uint16_t> u16() {
    auto bytes = take(2);
    if (!bytes) return bytes.error();
    return base::load_be16(bytes->data());
  }
  base::Result<std::uint32_t> u32() {
    auto bytes = take(4);
    if (!bytes) return bytes.error();
    return base::load_be32(bytes->data());
  }
  base::Result<DnsName> name();
  std::size_t at() const { return at_; }

 private:
  base::ConstBytes message_;
  std::size_t at_ = 0;
};

base::Result<DnsName> Reader::name() {
  DnsName name;
  std::size_t wire_bytes = 1;  // the root
  std::size_t pointers = 0;
  std::size_t behind = 0;  // where reading goes on after the first pointer
  std::size_t segment_begin = at_;
  for (;;) {
    auto length = u8();
    if (!length) return length.error();
    if ((*length & kPointerBits) == kPointerBits) {
      auto low = u8();
      if (!low) return low.error();
      if (pointers == 0) behind = at_;
      const std::size_t target = static_cast<std::size_t>(*length & ~kPointerBits) << 8 | *low;
      if (++pointers > kDnsPointersMax) return Error::kMessageTooLong;
      if (target >= segment_begin) return Error::kMalformedMessage;  // strictly backwards, so there is no loop
      at_ = segment_begin = target;
      continue;
    }
    if (*length > kDnsLabelMaxBytes) return Error::kMalformedMessage;
    if (*length == 0) break;
    wire_bytes += 1 + *length;
    if (wire_bytes > kDnsNameMaxBytes) return Error::kMessageTooLong;
    auto label = take(*length);
    if (!label) return label.error();
    name.labels.emplace_back(base::as_text(*label));
  }
  if (pointers > 0) at_ = behind;
  return name;
}

base::Result<DnsQuestion> read_question(Reader& reader) {
  auto name = reader.name();
  if (!name) return name.error();
  auto type = reader.u16();
  if (!type) return type.error();
  auto dns_class = reader.u16();
  if (!dns_class) return dns_class.error();
  return DnsQuestion{std::move(*name), static_cast<DnsType>(*type),
                     static_cast<std::uint16_t>(*dns_class & ~kClassTopBit), (*dns_class & kClassTopBit) != 0};
}

base::Result<DnsTxt> read_txt(Reader& reader, std::size_t end) {
  DnsTxt txt;
  while (reader.at() < end) {
    auto length = reader.u8();
    if (!length) return length.error();
    auto text = reader.take(*length);
    if (!text) return text.error();
    txt.strings.emplace_back(base::as_text(*text));
  }
  return txt;
}

base::Result<DnsSrv> read_srv(Reader& reader) {
  auto numbers = reader.take(6);
  if (!numbers) return numbers.error();
  auto target = reader.name();
  if (!target) return target.error();
  return DnsSrv{base::load_be16(numbers->data()), base::load_be16(numbers->data() + 2),
                base::load_be16(numbers->data() + 4), std::move(*target)};
}

template <class Data>
base::Result<> read_address(Reader& reader, DnsRecord& record) {
  Data data;
  auto bytes = reader.take(data.address.size());
  if (!bytes) return bytes.error();
  std::copy(bytes->begin(), bytes->end(), data.address.begin());
  record.data = data;
  return {};
}

/// Reads a record's data, which ends at `end`.
base::Result<> read_data(Reader& reader, DnsType type, std::size_t end, DnsRecord& record) {
  switch (type) {
    case DnsType::kA:
      return read_address<DnsA>(reader, record);
    case DnsType::kAaaa:
      return read_address<DnsAaaa>(reader, record);
    case DnsType::kPtr: {
      auto target = reader.name();
      if (!target) return target.error();
      record.data = DnsPtr{std::move(*target)};
      return {};
    }
    case DnsType::kTxt: {
      auto txt = read_txt(reader, end);
      if (!txt) return txt.error();
      record.data = std::move(*txt);
      return {};
    }
    case DnsType::kSrv: {
      auto srv = read_srv(reader);
      if (!srv) return srv.error();
      record.data = std::move(*srv);
      return {};
    }
    default: {
      record.data = DnsOther{type};
      auto skipped = reader.take(end - reader.at());
      if (!skipped) return skipped.error();
      return {};
    }
  }
}

base::Result<DnsRecord> read_record(Reader& reader) {
  auto name = reader.name();
  if (!name) return name.error();
  auto type = reader.u16();
  if (!type) return type.error();
  auto dns_class = reader.u16();
  if (!dns_class) return dns_class.error();
  auto ttl = reader.u32();
  if (!ttl) return ttl.error();
  auto length = reader.u16();
  if (!length) return length.error();
  DnsRecord record;
  record.name = std::move(*name);
  record.dns_class = static_cast<std::uint16_t>(*dns_class & ~kClassTopBit);
  record.cache_flush = (*dns_class & kClassTopBit) != 0;
  record.ttl_s = *ttl;
  const std::size_t end = reader.at() + *length;
  auto data = read_data(reader, static_cast<DnsType>(*type), end, record);
  if (!data) return data.error();
  if (reader.at() != end) return Error::kMalformedMessage;
  return record;
}

template <class Entry>
base::Result<> read_entries(Reader& reader, std::size_t count, base::Result<Entry> (*read)(Reader&),
                            std::vector<Entry>& into) {
  for (std::size_t i = 0; i < count; ++i) {
    auto entry = read(reader);
    if (!entry) return entry.error();
    into.push_back(std::move(*entry));
  }
  return {};
}

void append_u16(base::Bytes& to, std::size_t value) {
  assert(value <= 0xffff);
  to.push_back(static_cast<std::uint8_t>(value >> 8));
  to.push_back(static_cast<std::uint8_t>(value));
}

void append_string(base::Bytes& to, std::string_view text) {
  assert(text.size() <= kDnsStringMaxBytes);
  to.push_back(static_cast<std::uint8_t>(text.size()));
  base::append(to, base::as_bytes(text));
}

void append_name(base::Bytes& to, const DnsName& name) {
  for (const std::string& label : name.labels) {
    assert(!label.empty() && label.size() <= kDnsLabelMaxBytes);
    append_string(to, label);
  }
  to.push_back(0);
}

void append_class(base::Bytes& to, std::uint16_t dns_class, bool top_bit) {
  append_u16(to, dns_class | (top_bit ? kClassTopBit : 0));
}

/// Each knows its type and its data's bytes.
struct DataWriter {
  base::Bytes& to;

  DnsType operator()(const DnsA& a) const {
    base::append(to, a.address);
    return DnsType::kA;
  }
  DnsType operator()(const DnsAaaa& aaaa) const {
    base::append(to, aaaa.address);
    return DnsType::kAaaa;
  }
  DnsType operator()(const DnsPtr& ptr) const {
    append_name(to, ptr.target);
    return DnsType::kPtr;
  }
  DnsType operator()(const DnsTxt& txt) const {
    for (const std::string& text : txt.strings) append_string(to, text);
    if (txt.strings.empty()) to.push_back(0);  // RFC 6763 section 6.1: never without a string
    return DnsType::kTxt;
  }
  DnsType operator()(const DnsSrv& srv) const {
    append_u16(to, srv.priority);
    append_u16(to, srv.weight);
    append_u16(to, srv.port);
    append_name(to, srv.target);
    return DnsType::kSrv;
  }
  DnsType operator()(const DnsOther& other) const {
    assert(false);
    return other.type;
  }
};

void append_record(base::Bytes& to, const DnsRecord& record) {
  base::Bytes data;
  const DnsType type = std::visit(DataWriter{data}, record.data);
  append_name(to, record.name);
  append_u16(to, static_cast<std::uint16_t>(type));
  append_class(to, record.dns_class, record.cache_flush);
  append_u16(to, record.ttl_s >> 16);
  append_u16(to, record.ttl_s & 0xffff);
  append_u16(to, data.size());
  base::append(to, data);
}

}  // namespace

DnsName DnsName::from_text(std::string_view text) {
  DnsName name;
  while (!text.empty()) {
    const std::size_t dot = std::min(text.find('.'), text.size());
    assert(dot > 0 && dot <= kDnsLabelMaxBytes);
    name.labels.emplace_back(text.substr(0, dot));
    text.remove_prefix(std::min(dot + 1, text.size()));
  }
  return name;
}

DnsName DnsName::child(std::string_view label) const {
  DnsName name;
  name.labels.reserve(labels.size() + 1);
  name.labels.emplace_back(label);
  name.labels.insert(name.labels.end(), labels.begin(), labels.end());
  return name;
}

std::string DnsName::to_text() const {
  std::string text;
  for (const std::string& label : labels) text += (text.empty() ? "" : ".") + label;
  return text;
}

bool operator==(const DnsName& a, const DnsName& b) {
  return std::equal(a.labels.begin(), a.labels.end(), b.labels.begin(), b.labels.end(), same_label);
}

base::Result<DnsMessage> parse_dns_message(base::ConstBytes bytes) {
  if (bytes.size() > kDnsMessageMaxBytes) return Error::kMessageTooLong;
  Reader reader(bytes);
  auto header = reader.take(kHeaderBytes);
  if (!header) return header.error();
  const auto field = [&](std::size_t index) { return base::load_be16(header->data() + 2 * index); };
  DnsMessage message;
  message.id = field(0);
  message.is_response = (field(1) & kResponseFlag) != 0;
  message.is_authoritative = (field(1) & kAuthoritativeFlag) != 0;
  message.opcode = field(1) >> 11 & 0xf;
  message.rcode = field(1) & 0xf;
  if (std::size_t{field(2)} + field(3) + field(4) + field(5) > kDnsEntriesMax) return Error::kMessageTooLong;
  auto questions = read_entries(reader, field(2), read_question, message.questions);
  if (!questions) return questions.error();
  auto answers = read_entries(reader, field(3), read_record, message.answers);
  if (!answers) return answers.error();
  auto authorities = read_entries(reader, field(4), read_record, message.authorities);
  if (!authorities) return authorities.error();
  auto additionals = read_entries(reader, field(5), read_record, message.additionals);
  if (!additionals) return additionals.error();
  return message;
}

base::Bytes serialise_dns_message(const DnsMessage& message) {
  base::Bytes bytes;
  append_u16(bytes, message.id);
  append_u16(bytes, (message.is_response ? kResponseFlag : 0u) | (message.is_authoritative ? kAuthoritativeFlag : 0u) |
                        static_cast<unsigned>(message.opcode & 0xf) << 11 | (message.rcode & 0xfu));
  append_u16(bytes, message.questions.size());
  append_u16(bytes, message.answers.size());
  append_u16(bytes, message.authorities.size());
  append_u16(bytes, message.additionals.size());
  for (const DnsQuestion& question : message.questions) {
    append_name(bytes, question.name);
    append_u16(bytes, static_cast<std::uint16_t>(question.type));
    append_class(bytes, question.dns_class, question.unicast_response);
  }
  for (const auto* records : {&message.answers, &message.authorities, &message.additionals}) {
    for (const DnsRecord& record : *records) append_record(bytes, record);
  }
  return bytes;
}

}  // namespace libp2p::mdns
