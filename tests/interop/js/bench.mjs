// Commands that move bytes for the clock.
import { randomBytes } from 'node:crypto'
import { multiaddr } from '@multiformats/multiaddr'
import { STREAMS_MAX } from './host.mjs'
import { ECHO, PERF } from './protocols.mjs'
import { readToEnd, reader, send, sendZeros } from './streams.mjs'

const PING = '/ipfs/ping/1.0.0'
const PING_BYTES = 32

const nowUs = () => Number(process.hrtime.bigint() / 1000n)

async function roundTrip (stream, read, question) {
  await send(stream, question)
  const answer = await read(question.length)
  if (!answer.equals(question)) throw new Error('the echo differs')
}

export const benchCommands = {
  async perf (peer, up, down) {
    const stream = await peer.connection.newStream(PERF, STREAMS_MAX)
    const begin = nowUs()
    let answered
    let received = 0
    const answer = readToEnd(stream, (chunk) => {
      answered ??= nowUs()
      received += chunk.length
    })
    const request = Buffer.alloc(8)
    request.writeBigUInt64BE(BigInt(down))
    await send(stream, request)
    await Promise.all([sendZeros(stream, Number(up)), answer])
    if (received !== Number(down)) throw new Error(`${received} bytes came, not ${down}`)
    const end = nowUs()
    answered ??= end
    return { up_us: answered - begin, down_us: end - answered }
  },

  async bench_connect (peer, n, address) {
    peer.quiet = true
    let total = 0
    for (let i = 0; i < Number(n); i++) {
      const begin = nowUs()
      const connection = await peer.node.dial(multiaddr(address), { force: true })
      total += nowUs() - begin
      await connection.close()
    }
    peer.quiet = false
    return { total_us: total }
  },

  async bench_streams (peer, n) {
    const begin = nowUs()
    for (let i = 0; i < Number(n); i++) {
      const stream = await peer.connection.newStream(ECHO, STREAMS_MAX)
      await roundTrip(stream, reader(stream), Buffer.alloc(1))
      await stream.close()
    }
    return { total_us: nowUs() - begin }
  },

  async bench_ping (peer, n) {
    const stream = await peer.connection.newStream(PING)
    const read = reader(stream)
    const begin = nowUs()
    for (let i = 0; i < Number(n); i++) await roundTrip(stream, read, randomBytes(PING_BYTES))
    const total = nowUs() - begin
    await stream.close()
    return { total_us: total }
  },

  async cpu () {
    const { user, system } = process.cpuUsage()
    return { user_us: user, system_us: system }
  }
}
