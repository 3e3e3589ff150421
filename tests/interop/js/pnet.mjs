// The key of a private network: read as the file of one is.
import { preSharedKey } from '@libp2p/pnet'

export function protectorOf (hex) {
  if (hex === '') return {}
  const psk = new TextEncoder().encode(`/key/swarm/psk/1.0.0/\n/base16/\n${hex}`)
  return { connectionProtector: preSharedKey({ psk }) }
}
