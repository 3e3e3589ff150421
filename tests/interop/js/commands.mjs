// The commands by name (../README.md).
import { randomBytes } from 'node:crypto'
import { multiaddr } from '@multiformats/multiaddr'
import { benchCommands } from './bench.mjs'
import { flood } from './flood.mjs'
import { muxerBy, STREAMS_MAX } from './host.mjs'
import { kadCommands } from './kad.mjs'
import { DIGEST, ECHO, LATE, MUTE, RESET, serveDigestAs } from './protocols.mjs'
import { pubsubCommands } from './pubsub.mjs'
import { reachCommands } from './reach.mjs'
import { readDigest, readToEnd, reader, send, sendRandom } from './streams.mjs'

const DIAL_TIMEOUT_MS = 10_000
const IDENTIFY_TIMEOUT_MS = 10_000
const LATE_REQUEST_BYTES = 1000

/// `peer` is what peer.mjs keeps: node, connection (the latest), identified, wakeIdentify, quiet.
export const commands = {
  ...benchCommands,
  ...pubsubCommands,
  ...kadCommands,
  ...reachCommands,
  flood,

  async listen (peer, address) {
    // js-libp2p has no call to listen once it is made; its transport manager does it at start.
    await peer.node.components.transportManager.listen([multiaddr(address)])
    return { addresses: peer.node.getMultiaddrs().map(String) }
  },

  async dial (peer, address) {
    peer.connection = await peer.node.dial(multiaddr(address), { signal: AbortSignal.timeout(DIAL_TIMEOUT_MS) })
    return { peer: peer.connection.remotePeer.toString(), muxer_by: muxerBy(peer.connection) }
  },

  async identify (peer) {
    const timeout = AbortSignal.timeout(IDENTIFY_TIMEOUT_MS)
    while (!peer.identified.has(peer.connection.id)) {
      timeout.throwIfAborted()
      await new Promise(resolve => {
        peer.wakeIdentify = resolve
        timeout.addEventListener('abort', resolve, { once: true })
      })
    }
    const info = peer.identified.get(peer.connection.id)
    return {
      agent_version: info.agentVersion,
      protocols: info.protocols,
      listen_addresses: info.listenAddrs.map(String),
      observed_address: info.observedAddr?.toString(),
      // js-libp2p verifies the record before it tells of it.
      signed_record: info.signedPeerRecord != null
    }
  },

  async serve (peer, protocol) {
    await serveDigestAs(peer.node, protocol)
  },

  async ping (peer) {
    return { rtt_us: 1000 * await peer.node.services.ping.ping(peer.connection.remotePeer) }
  },

  async echo (peer, count) {
    const stream = await peer.connection.newStream(ECHO, STREAMS_MAX)
    const [sent, received] = await Promise.all([sendRandom(stream, Number(count)), readDigest(stream)])
    return { bytes: received.bytes, sent_sha256: sent, received_sha256: received.sha256.toString('hex') }
  },

  async send (peer, count) {
    const stream = await peer.connection.newStream(DIGEST, STREAMS_MAX)
    const chunks = []
    const [sent] = await Promise.all([
      sendRandom(stream, Number(count)), readToEnd(stream, (chunk) => chunks.push(chunk))
    ])
    return { sent_sha256: sent, peer_sha256: Buffer.concat(chunks).toString('hex') }
  },

  async half_close (peer, count) {
    const late = await peer.connection.newStream(LATE, STREAMS_MAX)
    const request = Buffer.alloc(LATE_REQUEST_BYTES)
    request.writeBigUInt64BE(BigInt(count))
    await send(late, request)
    await late.close()
    const { bytes } = await readDigest(late)
    const mute = await peer.connection.newStream(MUTE, STREAMS_MAX)
    await readToEnd(mute, () => {})
    return { late_bytes: bytes, sent_sha256: await sendRandom(mute, Number(count)) }
  },

  async reset (peer) {
    const stream = await peer.connection.newStream(ECHO, STREAMS_MAX)
    const read = reader(stream)
    await send(stream, randomBytes(1024))
    await read(1024)
    stream.abort(new Error('reset by command'))
  },

  async be_reset (peer) {
    const stream = await peer.connection.newStream(RESET, STREAMS_MAX)
    const end = readToEnd(stream, () => {}).catch(() => {})
    await send(stream, Buffer.alloc(1))
    await end
    return { reset: stream.status === 'reset' }
  },

  async close (peer) {
    await peer.connection.close()
  },

  async quit () {}
}
