// Relays and hole punching (../README.md).
import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { dcutr } from '@libp2p/dcutr'
import { multiaddr } from '@multiformats/multiaddr'
import { Unsupported } from './output.mjs'

const RESERVE_TIMEOUT_MS = 20_000
const POLL_MS = 20

export const reachTransports = ({ relay }) => relay ? [circuitRelayTransport()] : []

export function reachServices ({ server, punch }) {
  if (!['', 'limited', 'unlimited'].includes(server)) throw new Unsupported(`no relay "${server}"`)
  return {
    ...(server !== '' ? { relay: circuitRelayServer({ reservations: { applyDefaultLimit: server === 'limited' } }) } : {}),
    ...(punch ? { dcutr: dcutr() } : {})
  }
}

const isRelayed = (address) => address.toString().includes('/p2p-circuit')

export const reachCommands = {
  async reserve (peer, relay) {
    await peer.node.components.transportManager.listen([multiaddr(`${relay}/p2p-circuit`)])
    const timeout = AbortSignal.timeout(RESERVE_TIMEOUT_MS)
    for (;;) {
      const addresses = peer.node.getMultiaddrs().filter(isRelayed).map(String)
      if (addresses.length > 0) return { addresses }
      timeout.throwIfAborted()
      await new Promise(resolve => setTimeout(resolve, POLL_MS))
    }
  },

  async path (peer, id) {
    const connections = peer.node.getConnections().filter((each) => each.remotePeer.toString() === id)
    const direct = connections.find((each) => !isRelayed(each.remoteAddr))
    if (direct != null) peer.connection = direct
    return {
      direct: direct != null,
      relayed: connections.some((each) => isRelayed(each.remoteAddr)),
      limited: connections.some((each) => each.limits != null)
    }
  }
}
