import { BlockList, isIP } from 'node:net'

/**
 * A network as it is typed: an address, or an address with the length of its prefix, as 10.1.0.0/16. No zone (fe80::1%eth0):
 * it would mean another network on another node. An IPv4 address is written as such.
 */
function parseNetwork(typed: string): { address: string; bits: number; family: 'ipv4' | 'ipv6' } | undefined {
  const [address = '', prefix, ...more] = typed.trim().split('/')
  const version = isIP(address)
  if (version === 0 || more.length > 0 || address.includes('%') || isMapped(address)) return undefined
  const most = version === 4 ? 32 : 128
  const bits = prefix === undefined ? most : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN
  return bits >= 0 && bits <= most ? { address, bits, family: version === 4 ? 'ipv4' : 'ipv6' } : undefined
}

const isMapped = (address: string): boolean => /^[0:]*:ffff:/i.test(address)

const mostNetworks = 50

/** A typed list, tidied; or what is wrong with it. */
export function readNetworks(typed: readonly string[]): { networks: string[] } | { problem: string } {
  const networks = [...new Set(typed.map((one) => one.trim().toLowerCase()).filter(Boolean))]
  const wrong = networks.find((one) => !parseNetwork(one))
  if (wrong !== undefined)
    return {
      problem: `“${wrong.slice(0, 64)}” is no network. Write an address or a network, as in 10.1.0.0/16, 192.168.7.20 or 2001:db8::/32.`,
    }
  if (networks.length > mostNetworks) return { problem: `There must not be more than ${mostNetworks} networks.` }
  return { networks }
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
    const address = given.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
    return allowed.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  }
}
