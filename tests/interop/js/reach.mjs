// Relays, hole punching, and AutoNAT v2 (../README.md).
import { autoNATv2 } from '@libp2p/autonat-v2'
import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { dcutr } from '@libp2p/dcutr'
import { multiaddr } from '@multiformats/multiaddr'
import { Unsupported } from './output.mjs'

const RESERVE_TIMEOUT_MS = 20_000
const PROBE_TIMEOUT_MS = 40_000
const POLL_MS = 20

export const reachTransports = ({ relay }) => relay ? [circuitRelayTransport()] : []

export function reachServices ({ server, punch, autonat }) {
  if (!['', 'limited', 'unlimited'].includes(server)) throw new Unsupported(`no relay "${server}"`)
  return {
    ...(server !== '' ? { relay: circuitRelayServer({ reservations: { applyDefaultLimit: server === 'limited' } }) } : {}),
    ...(punch ? { dcutr: dcutr() } : {}),
    ...(autonat ? { autonat: autoNATv2() } : {})
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

  /// js-libp2p asks every server about its own addresses, once it knows of it, and makes up its mind when several have
  /// answered. This is the first answer, which it counts.
  async probe (peer, text) {
    const { addressManager } = peer.node.components
    const { client } = peer.node.services.autonat
    const address = multiaddr(text)
    const own = () => addressManager.getAddressesWithMetadata().find(({ multiaddr }) => multiaddr.equals(address))
    if (own() == null) addressManager.addObservedAddr(address)
    const timeout = AbortSignal.timeout(PROBE_TIMEOUT_MS)
    for (;;) {
      if (own()?.verified === true) return { reachable: true }
      const results = client.dialResults.get(text)
      if (results?.success > 0 || results?.failure > 0) {
        // It would be named first in what is asked next, and asked about again.
        client.dialResults.delete(text)
        addressManager.removeObservedAddr(address)
        return { reachable: results.success > 0 }
      }
      timeout.throwIfAborted()
      const server = peer.node.getConnections().findLast((each) => each.direction === 'outbound')
      if (client.queue.size === 0) await client.verifyExternalAddresses(server)
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
