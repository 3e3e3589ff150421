// Reading and writing js-libp2p's streams.
import { createHash, randomBytes } from 'node:crypto'

export const CHUNK_BYTES = 64 * 1024
export const sha256 = () => createHash('sha256')

/// Calls `call` with all that comes, and resolves at the end of the stream. An iterator over the stream would wait for
/// ever where the end came before it was asked for.
export function readToEnd (stream, call) {
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

/// The size and digest of what comes.
export async function readDigest (stream) {
  const hash = sha256()
  let bytes = 0
  await readToEnd(stream, (chunk) => {
    hash.update(chunk)
    bytes += chunk.length
  })
  return { bytes, sha256: hash.digest() }
}

/// Returns a function that resolves to the next `count` bytes. REQUIRES: one call at a time.
export function reader (stream) {
  let pending = Buffer.alloc(0)
  let wake = () => {}
  let failure
  readToEnd(stream, (chunk) => {
    pending = Buffer.concat([pending, chunk])
    wake()
  }).catch((error) => { failure = error }).finally(() => {
    failure ??= new Error('the stream has ended')
    wake()
  })
  return async function read (count) {
    while (pending.length < count) {
      if (failure != null) throw failure
      await new Promise(resolve => { wake = resolve })
    }
    const bytes = pending.subarray(0, count)
    pending = pending.subarray(count)
    return bytes
  }
}

/// Writes, and waits while the stream is full. Not by onDrain(), whose promise is made once and resolved ever after.
export async function send (stream, bytes) {
  if (stream.send(bytes)) return
  while (stream.writableNeedsDrain) {
    if (stream.writeStatus !== 'writable') throw new Error(`the stream is ${stream.status}`)
    await new Promise(resolve => {
      const settle = () => {
        stream.removeEventListener('drain', settle)
        stream.removeEventListener('close', settle)
        resolve()
      }
      stream.addEventListener('drain', settle)
      stream.addEventListener('close', settle)
    })
  }
}

/// Writes `count` random bytes and closes; returns their digest.
export async function sendRandom (stream, count) {
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

/// Writes `count` zeros and closes.
export async function sendZeros (stream, count) {
  const chunk = Buffer.alloc(CHUNK_BYTES)
  while (count > 0) {
    const size = Math.min(count, CHUNK_BYTES)
    await send(stream, chunk.subarray(0, size))
    count -= size
  }
  await stream.close()
}
