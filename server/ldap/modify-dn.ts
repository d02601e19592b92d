import { dnKey, parseDn } from './dn.ts'
import { NotDone } from './not-done.ts'
import type { Call } from './operations.ts'
import { atEnd, readBoolean, readText } from './wire/ber.ts'
import { type Result, resultCode } from './wire/result.ts'
import { changeEntry } from './writing.ts'

/** RFC 4511 section 4.9: people and groups get another name; they stay where they are. */
export async function modifyDn(call: Call): Promise<Result> {
  const { body } = call.message
  const name = readText(body)
  const newRdn = readText(body)
  const deletesOld = readBoolean(body, 0x01)
  const newSuperior = atEnd(body) ? undefined : readText(body, 0x80)
  const rdn = parseDn(newRdn)
  if (rdn?.length !== 1) throw new NotDone(resultCode.invalidDNSyntax, 'The new name is not an RDN.')
  const [part, ...more] = rdn[0]!
  return changeEntry(call, name, async ({ writer, actor, tree }, entry, expectedSeq) => {
    const type = tree.schema.attributeByName(part!.type)
    const current = entry.key.slice(0, entry.key.indexOf('='))
    if (more.length > 0 || type?.names[0]?.toLowerCase() !== current)
      throw new NotDone(resultCode.namingViolation, `Entries here are named by ${current} alone.`)
    if (newSuperior !== undefined) {
      const above = parseDn(newSuperior)
      if (!above) throw new NotDone(resultCode.invalidDNSyntax, 'The new superior is not a DN.')
      if (!entry.parent || dnKey(above) !== tree.dnKeyOf(entry.parent))
        throw new NotDone(resultCode.affectsMultipleDSAs, 'Entries stay in their unit.')
    }
    if (!deletesOld) throw new NotDone(resultCode.unwillingToPerform, 'The old name goes: ask for deleteoldrdn.')
    await writer.rename(actor, entry, part!.value, expectedSeq)
  })
}
