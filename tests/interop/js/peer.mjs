// The js-libp2p peer of the interop tests. What it is told and what it answers: ../README.md.
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

const ECHO = '/kvp2p-test/echo/1.0.0'
const DIGEST = '/kvp2p-test/digest/1.0.0'
const CHUNK_BYTES = 64 * 1024
const IDENTIFY_TIMEOUT_MS = 10_000

const node = await createLibp2p({
  addresses: { listen: [] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  services: { identify: identify(), ping: ping() },
  // Nothing happens but what a command asks for.
  connectionManager: { reconnectRetries: 0 }
})

const print = (line) => process.stdout.write(JSON.stringify(line) + '\n')
const sha256 = () => createHash('sha256')

/// What a listener sees of a stream's end.
async function serve (protocol, stream, work) {
  try {
    await work()
    print({ event: 'stream_ended', protocol, clean: true })
  } catch {
    print({ event: 'stream_ended', protocol, clean: false })
  }
}

/// Calls `call` with all that comes, and resolves at the end of the stream. An iterator over the stream would wait for
/// ever where the end came before it was asked for.
function readToEnd (stream, call) {
  return new Promise((resolve, reject) => {
    const settle = (error) => {
      const broken = stream.status === 'reset' || stream.status === 'aborted'
      if (error != null || broken) reject(error ?? new Error(`the stream was ${stream.status}`))
      else resolve()
    }
    stream.addEventListener('message', ({ data }) => call(data.subarray()))
    stream.addEventListener('end', () => settle())
    stream.addEventListener('close', ({ error }) => settle(error))
    if (stream.readableEnded) settle()
  })
}

async function send (stream, bytes) {
  if (!stream.send(bytes)) await stream.onDrain()
}

await node.handle(ECHO, (stream) => serve(ECHO, stream, async () => {
  // Not held back by what is still to be sent: js-libp2p would reset a stream that it has to keep unread.
  await readToEnd(stream, (chunk) => stream.send(chunk))
  await stream.close()
}))

await node.handle(DIGEST, (stream) => serve(DIGEST, stream, async () => {
  const hash = sha256()
  await readToEnd(stream, (chunk) => hash.update(chunk))
  await send(stream, hash.digest())
  await stream.close()
}))

let connection
const identified = new Map()
let wakeIdentify = () => {}

node.addEventListener('connection:open', ({ detail }) => {
  connection = detail
  print({ event: 'connected', peer: detail.remotePeer.toString(), inbound: detail.direction === 'inbound' })
})
node.addEventListener('connection:close', ({ detail }) => {
  print({ event: 'disconnected', peer: detail.remotePeer.toString() })
})
node.addEventListener('peer:identify', ({ detail }) => {
  identified.set(detail.connection.id, detail)
  wakeIdentify()
})

/// Writes `count` random bytes and closes; returns their digest.
async function sendRandom (stream, count) {
  const hash = sha256()
  while (count > 0) {
    const chunk = randomBytes(Math.min(count, CHUNK_BYTES))
    hash.update(chunk)
    await send(stream, chunk)
    count -= chunk.length
  }
  await stream.close()
  return hash.digest('hex')
}

const commands = {
  async listen (address) {
    // js-libp2p has no call to listen once it is made; its transport manager does it at start.
    await node.components.transportManager.listen([multiaddr(address)])
    return { addresses: node.getMultiaddrs().map(String) }
  },

  async dial (address) {
    const dialled = await node.dial(multiaddr(address), { signal: AbortSignal.timeout(10_000) })
    connection = dialled
    return { peer: dialled.remotePeer.toString() }
  },

  async identify () {
    const timeout = AbortSignal.timeout(IDENTIFY_TIMEOUT_MS)
    while (!identified.has(connection.id)) {
      timeout.throwIfAborted()
      await new Promise(resolve => {
        wakeIdentify = resolve
        timeout.addEventListener('abort', resolve, { once: true })
      })
    }
    const info = identified.get(connection.id)
    return {
      agent_version: info.agentVersion,
      protocols: info.protocols,
      listen_addresses: info.listenAddrs.map(String),
      observed_address: info.observedAddr?.toString()
    }
  },

  async ping () {
    return { rtt_us: 1000 * await node.services.ping.ping(connection.remotePeer) }
  },

  async echo (bytes) {
    const stream = await connection.newStream(ECHO)
    const received = sha256()
    let receivedBytes = 0
    const reader = readToEnd(stream, (chunk) => {
      received.update(chunk)
      receivedBytes += chunk.length
    })
    const [sent] = await Promise.all([sendRandom(stream, Number(bytes)), reader])
    return { bytes: receivedBytes, sent_sha256: sent, received_sha256: received.digest('hex') }
  },

  async send (bytes) {
    const stream = await connection.newStream(DIGEST)
    const chunks = []
    const reader = readToEnd(stream, (chunk) => chunks.push(chunk))
    const [sent] = await Promise.all([sendRandom(stream, Number(bytes)), reader])
    return { sent_sha256: sent, peer_sha256: Buffer.concat(chunks).toString('hex') }
  },

  async reset () {
    const stream = await connection.newStream(ECHO)
    await send(stream, randomBytes(1024))
    // Wait for the echo, so that the other side is known to serve the stream.
    await new Promise(resolve => stream.addEventListener('message', resolve, { once: true }))
    stream.abort(new Error('reset by command'))
    return {}
  },

  async close () {
    await connection.close()
    return {}
  },

  async quit () {
    return {}
  }
}

/// The kinds of failure that a case may expect; all others are told by their message alone.
function errorKind (error) {
  const text = `${error.name} ${error.message} ${(error.errors ?? []).map(e => `${e.name} ${e.message}`).join(' ')}`
  if (/UnexpectedPeer|does not match|not match expected/i.test(text)) return 'peer_id_mismatch'
  if (/UnsupportedProtocol|protocol selection failed/i.test(text)) return 'protocol_not_supported'
  return 'other'
}

const { dependencies } = JSON.parse(readFileSync(new URL('package.json', import.meta.url)))
print({ event: 'ready', implementation: `js-libp2p ${dependencies.libp2p}`, peer: node.peerId.toString() })
for await (const line of createInterface({ input: process.stdin })) {
  const [command, ...words] = line.trim().split(/\s+/)
  try {
    if (!Object.hasOwn(commands, command)) throw new Error(`unknown command "${command}"`)
    print({ reply: command, ok: true, ...await commands[command](...words) })
  } catch (error) {
    print({ reply: command, ok: false, error: errorKind(error), message: `${error.name}: ${error.message}` })
  }
  if (command === 'quit') break
}
await node.stop()
process.exit(0)
