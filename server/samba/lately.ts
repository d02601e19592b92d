/**
 * With `ldap passwd sync = yes` Samba first asks for a new password, which changes everything at once here, and then writes the
 * hash in place of the one that it had read before. That it knew what was so a moment ago is good enough for this.
 */
export type Before = { hash: string | undefined; lastSet: number }

const rememberedMs = 10_000
const befores = new Map<string, Before & { until: number }>()

export function rememberBefore(id: string, before: Before, now = Date.now()): void {
  for (const [key, { until }] of befores) if (until <= now) befores.delete(key)
  befores.set(id, { ...before, until: now + rememberedMs })
}

export function beforeOf(id: string, now = Date.now()): Before | undefined {
  const before = befores.get(id)
  return before && before.until > now ? before : undefined
}
