// The js-libp2p peer of the interop tests. What it is told and what it answers: ../README.md.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { commands } from './commands.mjs'
import { createHost, muxerBy } from './host.mjs'
import { errorKind, print, Unsupported } from './output.mjs'
import { serveTests } from './protocols.mjs'
import { reportMessages } from './pubsub.mjs'

const { values: options } = parseArgs({
  options: {
    key: { type: 'string', default: 'ed25519' },
    muxer: { type: 'string', default: 'handshake' },
    security: { type: 'string', default: 'both' },
    mdns: { type: 'boolean', default: false },
    pubsub: { type: 'boolean', default: false },
    'network-key': { type: 'string', default: '' },
    kad: { type: 'string' },
    'kad-client': { type: 'boolean', default: false },
    relay: { type: 'boolean', default: false },
    'relay-server': { type: 'string', default: '' },
    punch: { type: 'boolean', default: false },
    autonat: { type: 'boolean', default: false },
    rendezvous: { type: 'boolean', default: false }
  }
})

async function start () {
  if (options.rendezvous) throw new Unsupported('js-libp2p has no rendezvous')
  const node = await createHost({
    key: options.key,
    muxer: options.muxer,
    security: options.security,
    useMdns: options.mdns,
    usePubsub: options.pubsub,
    networkKey: options['network-key'],
    kad: options.kad,
    isKadClient: options['kad-client'],
    reach: { relay: options.relay, server: options['relay-server'], punch: options.punch, autonat: options.autonat }
  })
  const peer = { node, connection: undefined, identified: new Map(), wakeIdentify: () => {}, quiet: false }
  node.addEventListener('connection:open', ({ detail }) => {
    peer.connection = detail
    if (peer.quiet) return
    print({
      event: 'connected',
      peer: detail.remotePeer.toString(),
      inbound: detail.direction === 'inbound',
      muxer_by: muxerBy(detail)
    })
  })
  node.addEventListener('connection:close', ({ detail }) => {
    peer.identified.delete(detail.id)
    if (!peer.quiet) print({ event: 'disconnected', peer: detail.remotePeer.toString() })
  })
  node.addEventListener('peer:identify', ({ detail }) => {
    peer.identified.set(detail.connection.id, detail)
    peer.wakeIdentify()
  })
  node.addEventListener('peer:discovery', ({ detail }) => {
    print({ event: 'found', peer: detail.id.toString(), addresses: detail.multiaddrs.map(String) })
  })
  reportMessages(node)
  await serveTests(node)
  return peer
}

async function execute (peer, command, words) {
  try {
    if (!Object.hasOwn(commands, command)) throw new Error(`unknown command "${command}"`)
    print({ reply: command, ok: true, ...await commands[command](peer, ...words) })
  } catch (error) {
    print({ reply: command, ok: false, error: errorKind(error), message: `${error.name}: ${error.message}` })
  }
}

try {
  const peer = await start()
  const { dependencies } = JSON.parse(readFileSync(new URL('package.json', import.meta.url)))
  print({ event: 'ready', implementation: `js-libp2p ${dependencies.libp2p}`, peer: peer.node.peerId.toString() })
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, ...words] = line.trim().split(/\s+/)
    await execute(peer, command, words)
    if (command === 'quit') break
  }
  await peer.node.stop()
} catch (error) {
  if (!(error instanceof Unsupported)) throw error
  print({ event: 'unsupported', message: error.message })
}
process.exit(0)
