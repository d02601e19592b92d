import { createHash } from 'node:crypto'
import { equal, openBound, searchRequest } from '../ldap.ts'
import type { Pair } from '../pairs/pair.ts'

/** What differs by nature between two servers that hold the same. */
const ownAttributes = new Set(['createtimestamp', 'modifytimestamp'])

/** Equal positions are a claim: every attribute of everybody, as the reader gets it, is compared too. */
export async function refuseDifferent(pair: Pair): Promise<void> {
  const [master, slave] = [await contentAt(pair, pair.ldapPorts.master), await contentAt(pair, pair.ldapPorts.slave)]
  if (master.people !== pair.people) throw new Error(`${pair.name}: the master shows ${master.people} people.`)
  if (master.digest !== slave.digest)
    throw new Error(`${pair.name}: the slave says it is equal, and shows something else.`)
}

async function contentAt(pair: Pair, port: number): Promise<{ people: number; digest: string }> {
  const ldap = await openBound(port, pair.reader.dn, pair.reader.password)
  if (!ldap) throw new Error(`${pair.name}: the reader is refused.`)
  const { entries } = await ldap.send(searchRequest(pair.usersDn, 'sub', equal('objectClass', 'posixAccount')))
  ldap.close()
  const lines = entries.map((entry) =>
    JSON.stringify(
      [...entry]
        .filter(([name]) => !ownAttributes.has(name))
        .map(([name, values]) => [name, values.toSorted()])
        .sort(),
    ),
  )
  return { people: entries.length, digest: createHash('sha256').update(lines.sort().join('\n')).digest('hex') }
}
