import { attribute } from './attribute-types.ts'
import { parseDn } from './dn.ts'
import type { Call } from './operations.ts'
import { readConstructed, readText, tag } from './wire/ber.ts'
import { type Result, resultCode } from './wire/result.ts'
import { checkModifications, readModifications, type SentModification } from './writes/changes.ts'
import { changeEntry } from './writing.ts'

const userPassword = attribute('userPassword')

/** RFC 4511 section 4.6: all of it or nothing. */
export async function modify(call: Call): Promise<Result> {
  const { body } = call.message
  const name = readText(body)
  const sent = readModifications(readConstructed(body, tag.sequence))
  const isOwn = setsOwnPassword(call, name, sent)
  const result = await changeEntry(
    call,
    name,
    ({ tree }) => {
      const modifications = checkModifications(tree.schema, sent)
      return ({ writer, actor }, entry, expectedSeq) => writer.modify(actor, entry, modifications, expectedSeq)
    },
    isOwn,
  )
  if (isOwn && result.code === resultCode.success) call.session.mustChange = false
  return result
}

/** Which is how clients without the password modify operation do it. */
function setsOwnPassword({ session, services }: Call, name: string, sent: readonly SentModification[]): boolean {
  const { tree } = services.directory
  const dn = parseDn(name)
  return (
    session.accountId !== undefined &&
    dn !== undefined &&
    dn.length > 0 &&
    tree.resolve(dn).entry?.id === session.accountId &&
    sent.length > 0 &&
    sent.every((each) => tree.schema.attributeByName(each.attribute) === userPassword)
  )
}
