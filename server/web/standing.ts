import type { User } from '../accounts/user.ts'
import { type State, stateAt } from '../store/state.ts'
import { dateOf, when } from './say.ts'

type Shown = Pick<User, 'status' | 'validFrom' | 'validUntil' | 'lockedUntil' | 'hasPassword' | 'mustChange'>

/** A person's state as a pill says it, and the line under it: the reason, or until when. */
export function standing(user: Shown, now = new Date()): { state: State; note: string } {
  const state = stateAt(user, now.toISOString())
  return { state, note: noteOf(user, state, now) }
}

function noteOf(user: Shown, state: State, now: Date): string {
  switch (state) {
    case 'locked':
      return user.status !== 'locked' && user.lockedUntil ? `until ${clockOf(user.lockedUntil, now)}` : ''
    case 'expired':
      return user.validUntil ? `since ${dateOf(user.validUntil)}` : ''
    case 'waiting':
      return user.validFrom ? `from ${clockOf(user.validFrom, now)}` : ''
    case 'disabled':
      return ''
    case 'enabled':
      if (!user.hasPassword) return 'No password yet'
      if (user.mustChange) return 'Must set a password'
      return user.validUntil ? `until ${clockOf(user.validUntil, now)}` : ''
  }
}

/** 15:46 today, else the day. */
function clockOf(iso: string, now: Date): string {
  const said = when(iso, now)
  return said.startsWith('today ') ? said.slice('today '.length) : dateOf(iso)
}
