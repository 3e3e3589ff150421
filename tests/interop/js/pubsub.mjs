// Gossipsub and its commands (../README.md).
import { gossipsub } from '@libp2p/gossipsub'
import { print } from './output.mjs'

/// Author and number, as the specification has it; js-libp2p's own is the author's key and the number.
function messageId (message) {
  const seqno = new Uint8Array(8)
  new DataView(seqno.buffer).setBigUint64(0, message.sequenceNumber)
  const from = message.from.toMultihash().bytes
  return Buffer.concat([from, seqno])
}

export const pubsubService = () => gossipsub({
  msgIdFn: messageId,
  globalSignaturePolicy: 'StrictSign',
  allowPublishToZeroTopicPeers: true
})

function pubsubOf (peer) {
  const { pubsub } = peer.node.services
  if (pubsub == null) throw new Error('started without --pubsub')
  return pubsub
}

export function reportMessages (node) {
  node.services.pubsub?.addEventListener('message', ({ detail }) => {
    print({ event: 'message', topic: detail.topic, from: detail.from.toString(), data: Buffer.from(detail.data).toString() })
  })
}

export const pubsubCommands = {
  async subscribe (peer, topic) {
    pubsubOf(peer).subscribe(topic)
  },

  async unsubscribe (peer, topic) {
    pubsubOf(peer).unsubscribe(topic)
  },

  async publish (peer, topic, data) {
    await pubsubOf(peer).publish(topic, Buffer.from(data))
  },

  async topic_peers (peer, topic) {
    return { peers: pubsubOf(peer).getSubscribers(topic).map(String) }
  }
}
