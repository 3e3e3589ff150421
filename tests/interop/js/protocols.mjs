// The serving side of the tests' protocols (../README.md).
import { STREAMS_MAX } from './host.mjs'
import { print } from './output.mjs'
import { readDigest, readToEnd, send, sendZeros } from './streams.mjs'

export const ECHO = '/kvp2p-test/echo/1.0.0'
export const DIGEST = '/kvp2p-test/digest/1.0.0'
export const UNREAD = '/kvp2p-test/unread/1.0.0'
export const LATE = '/kvp2p-test/late/1.0.0'
export const MUTE = '/kvp2p-test/mute/1.0.0'
export const RESET = '/kvp2p-test/reset/1.0.0'
export const PERF = '/perf/1.0.0'

const LATE_BYTES_MAX = 64 * 1024 * 1024

async function serveEcho (stream) {
  // Not held back by what is still to be sent: js-libp2p would reset a stream that it has to keep unread.
  await readToEnd(stream, (chunk) => stream.send(chunk))
  await stream.close()
}

async function serveDigest (stream) {
  const { sha256 } = await readDigest(stream)
  await send(stream, sha256)
  await stream.close()
}

async function serveLate (stream) {
  const request = await readHead(stream)
  await sendZeros(stream, Math.min(Number(request.readBigUInt64BE()), LATE_BYTES_MAX))
}

async function serveMute (stream) {
  await stream.close()
  const { bytes, sha256 } = await readDigest(stream)
  return { bytes, sha256: sha256.toString('hex') }
}

async function servePerf (stream) {
  const request = await readHead(stream)
  await sendZeros(stream, Number(request.readBigUInt64BE()))
}

/// Reads to the end; returns the first 8 bytes.
async function readHead (stream) {
  let head = Buffer.alloc(0)
  await readToEnd(stream, (chunk) => {
    if (head.length < 8) head = Buffer.concat([head, chunk.subarray(0, 8 - head.length)])
  })
  return head
}

/// Serves a protocol, and tells how each stream ended.
async function serve (node, protocol, work) {
  await node.handle(protocol, async (stream) => {
    try {
      print({ event: 'stream_ended', protocol, clean: true, ...await work(stream) })
    } catch (error) {
      stream.abort(error)
      print({ event: 'stream_ended', protocol, clean: false })
    }
  }, STREAMS_MAX)
}

export const serveDigestAs = (node, protocol) => serve(node, protocol, serveDigest)

export async function serveTests (node) {
  await serve(node, ECHO, serveEcho)
  await serve(node, DIGEST, serveDigest)
  await serve(node, LATE, serveLate)
  await serve(node, MUTE, serveMute)
  // Paused, or js-libp2p would take in 4 MiB and reset the stream.
  await node.handle(UNREAD, (stream) => stream.pause(), STREAMS_MAX)
  await node.handle(RESET, (stream) => {
    stream.addEventListener('message', () => stream.abort(new Error('reset as the protocol says')), { once: true })
  }, STREAMS_MAX)
  await node.handle(PERF, (stream) => servePerf(stream).catch((error) => stream.abort(error)), STREAMS_MAX)
}
