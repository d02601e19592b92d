import { defaultPolicy } from '../accounts/strictest.ts'
import type { KeptEntry } from '../samba/kept.ts'
import type { PolicyBody, WindowsBody } from '../store/bodies.ts'
import { type Domain, describeDomain, describeKept } from './entries/windows.ts'
import type { Described } from './entry.ts'

/** What entries say of the Windows domain comes from several objects: held here, so that each can be described when one of them changes. */
export type Windows = {
  /** The domain while Windows Networking is on. */
  domain: () => Domain | undefined
  hashOf: (id: string) => string | undefined
  setHash: (id: string, hash: string | undefined) => void
  /** These give whether entries that are described already say something else now. */
  setDomain: (id: string, body: WindowsBody | undefined) => boolean
  setOn: (isOn: boolean) => boolean
  /** The password policy of everyone. */
  setPolicy: (id: string, body: PolicyBody | undefined) => void
  /** The entry of the domain as it is now, and the id of its object. */
  described: () => { id: string; described: Described } | undefined
  /** What Samba keeps in a unit itself. */
  setInUnit: (id: string, body: KeptEntry | undefined) => boolean
  inUnit: () => Described | undefined
}

export function createWindows(): Windows {
  const hashes = new Map<string, string>()
  let object: { id: string; body: WindowsBody } | undefined
  let isOn = false
  let policy: { id: string; body: PolicyBody } | undefined
  let unit: { id: string; described: Described } | undefined
  let known: Domain | undefined

  function settle(): boolean {
    const before = known
    known = isOn && object ? { name: object.body.name, sid: object.body.sid } : undefined
    return before?.sid !== known?.sid
  }

  return {
    domain: () => known,
    hashOf: (id) => hashes.get(id),
    setHash(id, hash) {
      if (hash === undefined) hashes.delete(id)
      else hashes.set(id, hash)
    },
    setDomain(id, body) {
      object = body && { id, body }
      return settle()
    },
    setOn(on) {
      isOn = on
      return settle()
    },
    setPolicy(id, body) {
      if (body && body.group === undefined) policy = { id, body }
      else if (policy?.id === id) policy = undefined
    },
    described: () =>
      object && {
        id: object.id,
        described: describeDomain(object.id, object.body, { ...defaultPolicy, ...policy?.body }),
      },
    setInUnit(id, body) {
      if (body) unit = { id, described: describeKept(id, body) }
      else if (unit?.id === id) unit = undefined
      else return false
      return true
    },
    inUnit: () => unit?.described,
  }
}
