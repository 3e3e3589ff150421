// The js-libp2p node: TCP, TLS or noise or both, and yamux.
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify, identifyPush } from '@libp2p/identify'
import { mdns } from '@libp2p/mdns'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { kadService } from './kad.mjs'
import { Unsupported } from './output.mjs'
import { pubsubService } from './pubsub.mjs'
import { protectorOf } from './pnet.mjs'
import { reachServices, reachTransports } from './reach.mjs'

const KEY_TYPES = { ed25519: 'Ed25519', secp256k1: 'secp256k1', rsa: 'RSA' }
const RSA_BITS = 2048
const MDNS_INTERVAL_MS = 1000

/// Streams of one protocol on one connection, each way; 32 inbound and 64 outbound ones otherwise.
/// They may go over relays too.
export const STREAMS_MAX = { maxInboundStreams: 1000, maxOutboundStreams: 1000, runOnLimitedConnection: true }

// How the muxer was agreed on, by the remote address of the connection.
const muxerByAddress = new Map()
const withoutPeer = (address) => address.toString().split('/p2p/')[0]

export const muxerBy = (connection) => muxerByAddress.get(withoutPeer(connection.remoteAddr))

const SECURITIES = { tls: [tls], noise: [noise], both: [tls, noise] }

/// A security protocol that notes whether its handshake settled the muxer; it offers none if `offersMuxer` is false.
function noting (security, offersMuxer) {
  const make = security()
  return (components) => {
    const inner = make(components)
    const secure = (method) => async (stream, options) => {
      const secured = await inner[method](stream, offersMuxer ? options : { ...options, skipStreamMuxerNegotiation: true })
      muxerByAddress.set(withoutPeer(stream.remoteAddr), secured.streamMuxer != null ? 'handshake' : 'multistream')
      return secured
    }
    return { protocol: inner.protocol, secureInbound: secure('secureInbound'), secureOutbound: secure('secureOutbound') }
  }
}

export async function createHost ({ key, muxer, security, useMdns, usePubsub, networkKey, kad, isKadClient, reach }) {
  if (key === 'ecdsa') throw new Unsupported('js-libp2p makes no peer ids of ECDSA keys')
  if (!Object.hasOwn(KEY_TYPES, key)) throw new Unsupported(`no host key of type "${key}"`)
  if (!Object.hasOwn(SECURITIES, security)) throw new Unsupported(`no security protocol "${security}"`)
  return createLibp2p({
    privateKey: await generateKeyPair(KEY_TYPES[key], key === 'rsa' ? RSA_BITS : undefined),
    addresses: { listen: [] },
    transports: [tcp(), ...reachTransports(reach)],
    connectionEncrypters: SECURITIES[security].map((each) => noting(each, muxer === 'handshake')),
    streamMuxers: [yamux()],
    ...protectorOf(networkKey),
    services: {
      identify: identify(),
      identifyPush: identifyPush(),
      ping: ping(),
      ...(usePubsub ? { pubsub: pubsubService() } : {}),
      ...(kad != null ? { kad: kadService(kad, isKadClient) } : {}),
      ...reachServices(reach)
    },
    peerDiscovery: useMdns ? [mdns({ interval: MDNS_INTERVAL_MS })] : [],
    connectionManager: {
      // Nothing happens but what a command asks for.
      reconnectRetries: 0,
      // bench_connect makes more than the 5 connections a second of one host that are let in otherwise.
      inboundConnectionThreshold: Infinity,
      maxIncomingPendingConnections: 1000,
      // Hundreds of streams at once on a busy machine take longer than the 10 s that each has otherwise.
      inboundStreamProtocolNegotiationTimeout: 60_000,
      outboundStreamProtocolNegotiationTimeout: 60_000
    },
    // Loopback addresses are dialled, as ever in these tests.
    connectionGater: { denyDialMultiaddr: () => false }
  })
}
