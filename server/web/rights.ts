import type { Request } from 'express'
import { may } from '../accounts/roles.ts'
import { whyNoChange } from '../store/local.ts'
import { dbOf, nodeOf } from './node.ts'

/** Changes are made here, or at a slave by its master in the person's name. */
export function changesForPeople(req: Request): boolean {
  const { local } = dbOf(req)
  return !whyNoChange(local) || (local.mode === 'slave' && nodeOf(req).forward !== undefined)
}

/** What the person in front of this page may do here; a slave, for one, changes nothing itself. */
export function rightsOf(req: Request): { mayRead: boolean; mayAudit: boolean; mayChange: boolean; mayHelp: boolean } {
  const role = req.user?.role ?? 'person'
  const changes = !whyNoChange(dbOf(req).local)
  return {
    mayRead: may(role, 'read'),
    mayAudit: may(role, 'audit'),
    mayChange: changes && may(role, 'change'),
    mayHelp: changesForPeople(req) && may(role, 'passwords'),
  }
}

/** Help desk helps people, not those who may do more than itself. */
export const mayHelpThis = (req: Request, target: { role: string }): boolean =>
  rightsOf(req).mayHelp && (may(req.user?.role ?? 'person', 'change') || target.role === 'person')
