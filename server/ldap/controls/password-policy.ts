import { integerTlv, tag, tlv } from '../wire/ber.ts'
import { controlOid, controlTlv } from '../wire/controls.ts'

/** The errors of draft-behera-ldap-password-policy-10 section 6.2. */
export const policyError = {
  passwordExpired: 0,
  accountLocked: 1,
  changeAfterReset: 2,
  passwordModNotAllowed: 3,
  mustSupplyOldPassword: 4,
  insufficientPasswordQuality: 5,
  passwordTooShort: 6,
  passwordTooYoung: 7,
  passwordInHistory: 8,
} as const

export type PolicyError = keyof typeof policyError

export type PolicyNotice = {
  error?: PolicyError
  /** Until the password ends. */
  secondsLeft?: number
}

export function policyResponse({ error, secondsLeft }: PolicyNotice): Buffer {
  const warning = secondsLeft === undefined ? [] : [tlv(0xa0, integerTlv(Math.max(0, secondsLeft), 0x80))]
  const reason = error === undefined ? [] : [integerTlv(policyError[error], 0x81)]
  return controlTlv(controlOid.passwordPolicy, tlv(tag.sequence, ...warning, ...reason))
}
