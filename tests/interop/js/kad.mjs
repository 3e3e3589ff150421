// Kademlia and its commands (../README.md).
import { createHash } from 'node:crypto'
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { peerIdFromString } from '@libp2p/peer-id'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import * as Digest from 'multiformats/hashes/digest'

const SHA256_CODE = 0x12
const QUERY_TIMEOUT_MS = 30_000

export const kadService = (protocol, isClient) => kadDHT({
  protocol,
  clientMode: isClient,
  // Private addresses are left out otherwise.
  peerInfoMapper: passthroughMapper,
  // Any value.
  validators: { v: () => {} },
  selectors: { v: () => 0 },
  // Queries wait for the first look-up of the node's own key, which comes by itself after a while.
  initialQuerySelfInterval: 100,
  allowQueryWithZeroPeers: true
})

function kadOf (peer) {
  const { kad } = peer.node.services
  if (kad == null) throw new Error('started without --kad')
  return kad
}

const options = () => ({ signal: AbortSignal.timeout(QUERY_TIMEOUT_MS) })

/// What is provided and looked for under a name.
const cidOfName = (name) => CID.createV1(raw.code, Digest.create(SHA256_CODE, createHash('sha256').update(name).digest()))

async function runToEnd (events) {
  for await (const each of events) void each
}

export const kadCommands = {
  async kad_table (peer) {
    const peers = []
    for (const { peerId } of kadOf(peer).routingTable.kb.toIterable()) peers.push(peerId.toString())
    return { peers }
  },

  async kad_find_peer (peer, id) {
    for await (const each of kadOf(peer).findPeer(peerIdFromString(id), options())) {
      if (each.name === 'FINAL_PEER') return { addresses: each.peer.multiaddrs.map(String) }
    }
    throw new Error('not found')
  },

  async kad_provide (peer, name) {
    await runToEnd(kadOf(peer).provide(cidOfName(name), options()))
  },

  async kad_find_providers (peer, name, count) {
    const peers = new Set()
    for await (const each of kadOf(peer).findProviders(cidOfName(name), options())) {
      if (each.name === 'PROVIDER') each.providers.forEach(({ id }) => peers.add(id.toString()))
      if (peers.size >= Number(count)) break
    }
    return { peers: [...peers] }
  },

  async kad_put (peer, key, value) {
    await runToEnd(kadOf(peer).put(Buffer.from(key), Buffer.from(value), options()))
  },

  async kad_get (peer, key) {
    for await (const each of kadOf(peer).get(Buffer.from(key), options())) {
      if (each.name === 'VALUE') return { value: Buffer.from(each.value).toString() }
    }
    throw new Error('not found')
  }
}
