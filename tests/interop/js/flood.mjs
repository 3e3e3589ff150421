// Many streams at once, beside one that nobody reads.
import { STREAMS_MAX } from './host.mjs'
import { DIGEST, UNREAD } from './protocols.mjs'
import { readToEnd, send, sendRandom } from './streams.mjs'

const UNREAD_CHUNK_BYTES = 16 * 1024

export async function flood (peer, count, size) {
  const unread = await peer.connection.newStream(UNREAD, STREAMS_MAX)
  let queued = 0
  const filling = fill(unread, (bytes) => { queued += bytes })
  const outcomes = await Promise.all(Array.from({ length: Number(count) }, () => sendOne(peer, Number(size))))
  const unreadBytes = queued - unread.writeBufferLength
  unread.abort(new Error('the flood is over'))
  await filling
  return {
    completed: outcomes.length,
    mismatched: outcomes.filter(same => !same).length,
    unread_bytes: unreadBytes
  }
}

/// Whether the digest that came back is that of what was sent.
async function sendOne (peer, size) {
  const stream = await peer.connection.newStream(DIGEST, STREAMS_MAX)
  const chunks = []
  const [sent] = await Promise.all([sendRandom(stream, size), readToEnd(stream, (chunk) => chunks.push(chunk))])
  return Buffer.concat(chunks).toString('hex') === sent
}

/// Writes until the stream is reset.
async function fill (stream, call) {
  try {
    for (;;) {
      call(UNREAD_CHUNK_BYTES)
      await send(stream, Buffer.alloc(UNREAD_CHUNK_BYTES))
    }
  } catch {}
}
