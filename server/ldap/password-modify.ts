import { isUtf8 } from 'node:buffer'
import { Refused } from '../errors.ts'
import { parseDn } from './dn.ts'
import type { Entry } from './entry.ts'
import { NotDone, resultOf } from './not-done.ts'
import type { Call } from './operations.ts'
import { withFault } from './password-fault.ts'
import { isKnown } from './search.ts'
import type { Tree } from './tree.ts'
import { whoIs } from './who.ts'
import { atEnd, peekTag, readConstructed, readerOf, readOctets, readText, tag, tlv } from './wire/ber.ts'
import { type Result, resultCode } from './wire/result.ts'

type Wish = { identity: string | undefined; old: string | undefined; wanted: string | undefined }

/** RFC 3062. */
export async function modifyPassword(call: Call, value: Buffer | undefined): Promise<Result> {
  const { session, services } = call
  const wish = readWish(value)
  const { tree } = services.directory
  const { writer } = services
  try {
    if (session.accountId === undefined && !session.isMachine)
      throw new NotDone(resultCode.strongerAuthRequired, 'Bind first: nobody changes a password without a name.')
    if (!writer) throw new NotDone(resultCode.unwillingToPerform, 'Nothing can be changed here.')
    const actor = await writer.actorOf(session)
    const entry = targetOf(tree, wish.identity, session.accountId)
    if (session.mustChange && entry.id !== session.accountId)
      throw new NotDone(resultCode.insufficientAccessRights, 'Your own password has to be changed first.')
    const isHidden = !isKnown(whoIs(session, tree, true), entry)
    if (isHidden && !entry.membership) throw noSuchPerson()
    const made = await writer.setPassword(actor, entry, wish.wanted, wish.old).catch((error: unknown) => {
      throw isHidden && error instanceof Refused ? noSuchPerson() : error
    })
    if (entry.id === session.accountId) session.mustChange = false
    return {
      code: resultCode.success,
      ...(made !== undefined && { fields: [tlv(0x8b, tlv(tag.sequence, tlv(0x80, made)))] }),
    }
  } catch (error) {
    const result = resultOf(error)
    if (!result) throw error
    return withFault(call, error, result)
  }
}

function readWish(value: Buffer | undefined): Wish {
  const wish: Wish = { identity: undefined, old: undefined, wanted: undefined }
  if (!value) return wish
  const fields = readConstructed(readerOf(value), tag.sequence)
  if (peekTag(fields) === 0x80) wish.identity = readText(fields, 0x80)
  if (peekTag(fields) === 0x81) wish.old = passwordText(readOctets(fields, 0x81))
  if (peekTag(fields) === 0x82) wish.wanted = passwordText(readOctets(fields, 0x82))
  if (!atEnd(fields)) throw new NotDone(resultCode.protocolError, 'Not understood: more after the new password.')
  return wish
}

function passwordText(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new NotDone(resultCode.constraintViolation, 'A password is text in UTF-8.')
  return bytes.toString('utf8')
}

const noSuchPerson = (): NotDone => new NotDone(resultCode.noSuchObject, 'There is no such person.')

/** A DN, or a username as such; without one, who is bound. */
function targetOf(tree: Tree, identity: string | undefined, bound: string | undefined): Entry {
  const name = identity?.replace(/^(dn|u):/i, '')
  const dn = name === undefined ? undefined : parseDn(name)
  const entry =
    name === undefined
      ? bound === undefined
        ? undefined
        : tree.entryById(bound)
      : dn && dn.length > 0
        ? tree.resolve(dn).entry
        : tree.entriesByUid(name.toLowerCase()).find((each) => each.membership)
  if (!entry) throw noSuchPerson()
  return entry
}
