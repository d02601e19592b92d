export type Site<D extends { name: string }> = { name: string; devices: (D & { short: string })[] }

/** `gw-malmo` and `fs-malmo` are one site; names of no such pair stand together at the end. */
export function sitesOf<D extends { name: string }>(devices: readonly D[]): Site<D>[] {
  const sites = new Map<string, Site<D>>()
  const split = devices.map((device) => ({ device, parts: /^([a-z0-9]{1,6})-(.+)$/i.exec(device.name) }))
  const sizes = new Map<string, number>()
  for (const { parts } of split) if (parts?.[2]) sizes.set(parts[2], (sizes.get(parts[2]) ?? 0) + 1)
  for (const { device, parts } of split) {
    const site = parts?.[2] && (sizes.get(parts[2]) ?? 0) > 1 ? parts[2] : ''
    const kept = sites.get(site) ?? {
      name: site && (site[0] as string).toLocaleUpperCase('en') + site.slice(1),
      devices: [],
    }
    kept.devices.push({ ...device, short: site ? (parts?.[1] as string) : device.name })
    sites.set(site, kept)
  }
  return [...sites.values()].sort((a, b) => Number(a.name === '') - Number(b.name === ''))
}
