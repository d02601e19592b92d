import { type Dn, parseDn, type Rdn, rdnKey } from './dn.ts'
import { NotDone } from './not-done.ts'
import type { Call } from './operations.ts'
import { isKnown, lookUp } from './search.ts'
import { atEnd, readBoolean, readText } from './wire/ber.ts'
import { type Result, resultCode } from './wire/result.ts'
import { type ChangeOf, changeEntry } from './writing.ts'

/** RFC 4511 section 4.9: people and groups get another name; they stay where they are. */
export async function modifyDn(call: Call): Promise<Result> {
  const { body } = call.message
  const name = readText(body)
  const newRdn = readText(body)
  const deletesOld = readBoolean(body, 0x01)
  const newSuperior = atEnd(body) ? undefined : readText(body, 0x80)
  return changeEntry(call, name, ({ tree }) => {
    const rdn = parseDn(newRdn)
    if (rdn?.length !== 1 || !rdn[0]!.every(({ type }) => tree.schema.attributeByName(type)))
      throw new NotDone(resultCode.invalidDNSyntax, 'The new name is not an RDN.')
    const above = newSuperior === undefined ? undefined : parseDn(newSuperior)
    if (newSuperior !== undefined && !above)
      throw new NotDone(resultCode.invalidDNSyntax, 'The new superior is not a DN.')
    const to = above && tree.resolve(above)
    if (to && !to.entry && !to.above)
      throw new NotDone(resultCode.affectsMultipleDSAs, 'The new superior is not in this directory.')
    return rename(rdn[0]!, deletesOld, above)
  })
}

const rename =
  (rdn: Rdn, deletesOld: boolean, superior: Dn | undefined): ChangeOf =>
  async ({ writer, actor, tree, who }, entry, expectedSeq) => {
    const to = superior && lookUp(tree, who, superior)
    if (to && 'code' in to) throw new NotDone(resultCode.noSuchObject, 'The new superior does not exist.')
    if (to && to !== entry.parent) throw new NotDone(resultCode.affectsMultipleDSAs, 'Entries stay in their unit.')
    const there = entry.parent?.children?.get(rdnKey(rdn))
    if (there && there !== entry && isKnown(who, there))
      throw new NotDone(resultCode.entryAlreadyExists, 'There is an entry of this name already.')
    const [part, ...more] = rdn
    const current = entry.key.slice(0, entry.key.indexOf('='))
    if (more.length > 0 || tree.schema.attributeByName(part!.type)!.names[0]!.toLowerCase() !== current)
      throw new NotDone(resultCode.namingViolation, `Entries here are named by ${current} alone.`)
    if (!deletesOld) throw new NotDone(resultCode.unwillingToPerform, 'The old name goes: ask for deleteoldrdn.')
    await writer.rename(actor, entry, part!.value, expectedSeq)
  }
