import { BlockList, isIP } from 'node:net'

/** A network as it is typed: an address, or an address with the length of its prefix, as 10.1.0.0/16. */
export function parseNetwork(typed: string): { address: string; bits: number; family: 'ipv4' | 'ipv6' } | undefined {
  const [address = '', prefix, ...more] = typed.trim().split('/')
  const version = isIP(address)
  if (version === 0 || more.length > 0) return undefined
  const most = version === 4 ? 32 : 128
  const bits = prefix === undefined ? most : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN
  return bits >= 0 && bits <= most ? { address, bits, family: version === 4 ? 'ipv4' : 'ipv6' } : undefined
}

/**
 * Whether an address is in one of the networks. This machine itself always is, whatever is listed: a service on the node
 * comes over loopback or the Unix socket, which has no address.
 */
export function inNetworks(networks: readonly string[]): (address: string) => boolean {
  const allowed = new BlockList()
  for (const network of [...networks, '127.0.0.0/8', '::1']) {
    const parsed = parseNetwork(network)
    if (parsed) allowed.addSubnet(parsed.address, parsed.bits, parsed.family)
  }
  return (given) => {
    if (given === '') return true
    const address = given.replace(/^::ffff:(?=\d+\.)/i, '')
    return allowed.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  }
}
