// What is said on the Unix socket between an owner and a reader (docs/protocol.md, "Direct path"), as bytes and back.
// Pure functions. Descriptors go beside the bytes.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "gpu/region_export.h"

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace kvp2p::direct {

/// Reader → owner, first.
struct Hello {
  std::uint32_t version = 0;  // 1; what is not said is 0
  std::array<std::uint8_t, 32> nonce{};
  bool operator==(const Hello&) const = default;
};
/// Owner → reader, instead of Welcome; the socket is closed after it.
struct Refused {
  std::string reason;
  bool operator==(const Refused&) const = default;
};
/// Owner → reader. One descriptor: the read marks.
struct Welcome {
  bool operator==(const Welcome&) const = default;
};
/// Owner → reader: a region. One descriptor: its generations. Its pieces follow.
struct Region {
  std::uint64_t id = 0;
  std::uint32_t slots = 0;
  ExportKind kind = ExportKind::kHostMemfd;
  DeviceUuid device{};
  std::array<std::uint8_t, 16> process{};
  std::uint64_t address = 0;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::uint32_t pieces = 0;  // 1 to kExportPiecesMax
  ObjectFormat format;
  std::vector<LayerBase> layers;
  std::uint64_t block_stride = 0;
  std::uint64_t token_stride = 0;
  std::uint64_t head_stride = 0;
  std::uint32_t engine_block_tokens = 0;
  std::uint32_t engine_blocks = 0;
  bool operator==(const Region& other) const;
};
struct Piece {
  std::array<std::uint8_t, 64> handle{};
  std::uint64_t bytes = 0;
  bool has_descriptor = false;
  bool operator==(const Piece&) const = default;
};
/// Owner → reader: the next pieces of the region begun last. As many descriptors as pieces have one, in order.
struct Pieces {
  std::vector<Piece> pieces;
  bool operator==(const Pieces&) const = default;
};
/// Owner → reader: all regions that were there when the session began have been sent.
struct AllSent {
  bool operator==(const AllSent&) const = default;
};
/// Reader → owner: the region is open, places in it can be used.
struct Opened {
  std::uint64_t region = 0;
  bool operator==(const Opened&) const = default;
};
/// Owner → reader: use it no more, close it.
struct TakenBack {
  std::uint64_t region = 0;
  bool operator==(const TakenBack&) const = default;
};
/// Reader → owner: closed, or (with a reason) never opened.
struct Closed {
  std::uint64_t region = 0;
  std::string reason;
  bool operator==(const Closed&) const = default;
};

/// Reader → owner, once, behind Opened or Closed for all that was sent before AllSent; and back: the owner has heard
/// that, and its answers to look-ups name places from now on.
struct Settled {
  bool operator==(const Settled&) const = default;
};

/// A message's number is its index plus one.
using Message = std::variant<Hello, Refused, Welcome, Region, Pieces, AllSent, Opened, TakenBack, Closed, Settled>;

base::Bytes encode(const Message& message);
/// All bounds hold for what it returns; whether a layout fits its memory, the connector checks.
base::Result<Message> decode(base::ConstBytes bytes);

/// Of a region's export all but the pieces, and back.
Region describe_export(const RegionExport& exported, std::uint64_t id, std::uint32_t slots);
RegionExport export_of(const Region& region);

}  // namespace kvp2p::direct
