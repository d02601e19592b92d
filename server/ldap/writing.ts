import type { Actor } from '../audit/actor.ts'
import { entryTlv } from './answer.ts'
import { isFulfilled } from './assertion.ts'
import { readAttributeList, readEntryResponse } from './controls/read-entry.ts'
import { controlOf } from './controls/value.ts'
import { parseDn } from './dn.ts'
import type { Entry } from './entry.ts'
import { NotDone, resultOf } from './not-done.ts'
import type { Call } from './operations.ts'
import { withFault } from './password-fault.ts'
import { named, selectionFor } from './search.ts'
import type { Tree } from './tree.ts'
import { isConfidential, type Who, whoIs, whyNothing } from './who.ts'
import { type Control, controlOid } from './wire/controls.ts'
import { type Result, resultCode } from './wire/result.ts'
import { Stale, type Writer } from './writer.ts'

export type Grounds = { writer: Writer; actor: Actor; tree: Tree; who: Who }

/** As whom a request writes, and with what; refused before anything of it is looked at. */
export async function groundsOf(call: Call, setsOwnPassword = false): Promise<Grounds> {
  const { session, services } = call
  const first = whoIs(session, services.directory.tree, setsOwnPassword)
  if (first.view.entries === 'none')
    throw new NotDone(
      first.self ? resultCode.insufficientAccessRights : resultCode.strongerAuthRequired,
      whyNothing(first),
    )
  if (!isConfidential(session))
    throw new NotDone(resultCode.confidentialityRequired, 'Changes need TLS here: use LDAPS or StartTLS.')
  const { writer } = services
  if (!writer) throw new NotDone(resultCode.unwillingToPerform, 'Nothing can be changed here.')
  const actor = await writer.actorOf(session)
  // Taken only now: it may have been loaded anew meanwhile.
  const { tree } = services.directory
  return { writer, actor, tree, who: whoIs(session, tree, setsOwnPassword) }
}

const mostTries = 5

export type ChangeOf = (grounds: Grounds, entry: Entry, expectedSeq: number | undefined) => Promise<void>

/**
 * Runs a change of one entry, once `check` has found nothing wrong with the request itself. What the request asserts of the
 * entry, and what it wants to read of it beforehand, is taken from the very state that is changed: when somebody else was
 * faster, it is taken anew (RFC 4527, RFC 4528).
 */
export async function changeEntry(
  call: Call,
  dnText: string,
  check: (grounds: Grounds) => ChangeOf,
  setsOwnPassword = false,
): Promise<Result> {
  const grounds = await groundsOf(call, setsOwnPassword)
  const { controls } = call.message
  const dn = parseDn(dnText)
  if (!dn) throw new NotDone(resultCode.invalidDNSyntax, 'The name of the entry is not a DN.')
  const change = check(grounds)
  const isBound = [controlOid.assertion, controlOid.preRead].some((oid) => controlOf(controls, oid))
  for (let tries = 1; ; tries++) {
    const found = named(call, grounds.tree, dn, 'base', grounds.who)
    if ('code' in found) return found
    const { entry } = found
    if (!isFulfilled(call, grounds.tree, entry, grounds.who)) return { code: resultCode.assertionFailed }
    const before = readControl(call, grounds, entry, controlOid.preRead)
    try {
      // Who is in a group is no part of its object.
      const seen = entry.membersKey === undefined ? entry.seq : grounds.tree.lastSeq()
      await change(grounds, entry, isBound ? seen : undefined)
    } catch (error) {
      if (error instanceof Stale && tries < mostTries) continue
      const result = error instanceof Stale ? { code: resultCode.busy } : resultOf(error)
      if (!result) throw error
      return withFault(call, error, result)
    }
    const after = readControl(call, grounds, entry, controlOid.postRead)
    const told = [...before, ...after]
    return told.length > 0 ? { code: resultCode.success, controls: told } : { code: resultCode.success }
  }
}

/** An entry as a control of the request wants to read it. */
export function readControl(call: Call, { tree, who }: Grounds, entry: Entry, oid: string): Buffer[] {
  const control: Control | undefined = controlOf(call.message.controls, oid)
  if (!control) return []
  const selection = selectionFor(call, tree, who, readAttributeList(control))
  return [readEntryResponse(oid, entryTlv(tree, entry, selection(entry)))]
}
