import { PasswordRefused } from '../accounts/policies.ts'
import { policyResponse } from './controls/password-policy.ts'
import { controlOf } from './controls/value.ts'
import type { Call } from './operations.ts'
import { controlOid } from './wire/controls.ts'
import type { Result } from './wire/result.ts'

/** What is wrong with a password, in the words of the password policy control. */
const words = {
  short: 'passwordTooShort',
  weak: 'insufficientPasswordQuality',
  young: 'passwordTooYoung',
  used: 'passwordInHistory',
} as const

/** Says beside the code what is wrong with a password, to a client that asks for it. */
export function withFault({ message }: Call, error: unknown, result: Result): Result {
  if (!(error instanceof PasswordRefused) || !controlOf(message.controls, controlOid.passwordPolicy)) return result
  return { ...result, controls: [policyResponse({ error: words[error.fault] })] }
}
