// Lines of JSON on standard output.
export const print = (line) => process.stdout.write(JSON.stringify(line) + '\n')

/// Something that js-libp2p cannot do.
export class Unsupported extends Error {}

/// The kinds of failure that a case may expect; all others are told by their message alone.
export function errorKind (error) {
  const text = `${error.name} ${error.message} ${(error.errors ?? []).map(e => `${e.name} ${e.message}`).join(' ')}`
  if (error instanceof Unsupported) return 'unsupported'
  if (/Unexpected ?Peer|does not match|not match expected/i.test(text)) return 'peer_id_mismatch'
  if (/UnsupportedProtocol|protocol selection failed/i.test(text)) return 'protocol_not_supported'
  return 'other'
}
