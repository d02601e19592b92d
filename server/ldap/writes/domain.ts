import { defaultPolicy } from '../../accounts/policies.ts'
import { editPolicy } from '../../accounts/policy-changes.ts'
import { needRight } from '../../accounts/roles.ts'
import { domainIn } from '../../samba/domain.ts'
import { policyChanges } from '../../samba/policies.ts'
import { objectsOf } from '../../store/objects.ts'
import { write } from '../../store/write.ts'
import { attribute } from '../attribute-types.ts'
import { describeDomain } from '../entries/windows.ts'
import { NotDone } from '../not-done.ts'
import { resultCode } from '../wire/result.ts'
import { refuseStale, type Writing } from '../writer.ts'
import { applyTo, type Modification } from './changes.ts'
import { changedTypes } from './person.ts'
import { valuesOf } from './values.ts'

const nextRid = attribute('sambaNextRid')
const settled = new Set(['sambaDomainName', 'sambaSID', 'sambaAlgorithmicRidBase'].map(attribute))

/** The Windows domain: the number that Samba gives out next, and its policies, which are the policy of everyone. */
export async function modifyDomain(
  { db, directory, actor }: Writing,
  modifications: readonly Modification[],
  expectedSeq: number | undefined,
): Promise<void> {
  needRight(actor, 'change')
  const { schema } = directory.tree
  await write(db, actor, async (change) => {
    const object = await domainIn(change)
    refuseStale(object.seq, expectedSeq)
    const kept = (await objectsOf(change.trx, 'policy')).find(({ body }) => body.group === undefined)
    const policy = { ...defaultPolicy, ...kept?.body }
    const described = describeDomain(object.id, object.body, policy)
    const before = { values: valuesOf(schema, described), classes: described.classes }
    const { values, classes } = applyTo(schema, before, modifications)
    if (classes) throw new NotDone(resultCode.objectClassModsProhibited, 'The domain keeps its classes.')
    const rules = new Map<string, number>()
    let next = object.body.nextRid
    for (const type of changedTypes(before.values, values)) {
      const [text] = values.get(type) ?? []
      if (settled.has(type))
        throw new NotDone(resultCode.unwillingToPerform, `${type.names[0]} is settled when the domain is set up.`)
      // A rule that is taken away is asked for again at once, so it stays.
      if (text === undefined) continue
      if (type === nextRid) next = Number(text)
      else rules.set(type.names[0]!, Number(text))
    }
    if (next < object.body.nextRid || next >= 2 ** 32)
      throw new NotDone(resultCode.constraintViolation, 'sambaNextRid only grows: no RID is given twice.')
    const changes = policyChanges(rules, policy)
    if (Object.keys(changes.policy).length > 0) await editPolicy(change, changes.policy)
    const body = { ...object.body, nextRid: next, settings: { ...object.body.settings, ...changes.settings } }
    await change.put('windows', object.id, { ...body, changed: new Date().toISOString() })
    if (Object.keys(changes.settings).length > 0)
      change.note({
        sentence: `Changed settings of the Windows domain ${body.name}`,
        object: { kind: 'windows', id: object.id, name: body.name },
        changes: Object.entries(changes.settings).map(([field, after]) => ({
          field,
          before: String(object.body.settings[field] ?? ''),
          after: String(after),
        })),
      })
  })
}
