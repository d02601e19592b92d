import type { Db } from '../store/db.ts'
import { objectsOf } from '../store/objects.ts'

/** The base domain, as example.lan; undefined until the node is set up or the first replication has come. */
export async function baseDomain(db: Db): Promise<string | undefined> {
  const [domain] = await objectsOf(db.reader, 'domain')
  return domain?.body.baseDomain
}

/** example.lan -> dc=example,dc=lan */
export const baseDn = (domain: string): string =>
  domain
    .split('.')
    .map((label) => `dc=${label}`)
    .join(',')

/** Why this cannot be a base domain, or undefined. */
export function domainProblem(domain: string): string | undefined {
  if (domain === '') return 'Base domain is needed, as in example.lan.'
  const labels = domain.split('.')
  const isLabel = (label: string) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label)
  if (labels.length < 2 || domain.length > 253 || !labels.every(isLabel))
    return 'Base domain must be two or more parts of a–z, 0–9 and “-” with dots between, as in example.lan.'
  return undefined
}
