/** What a form says back: field name (`username`, `contact.mail`; '' for the whole form) -> one sentence. */
export type Problems = Record<string, string>

/** The input has problems that the person can mend. Web: 422 with the form. LDAP: constraintViolation. */
export class Invalid extends Error {
  readonly problems: Problems
  constructor(problems: Problems) {
    super(Object.values(problems).join(' '))
    this.problems = problems
  }
}

/** Somebody has added it already, perhaps a moment ago. */
export class AlreadyThere extends Invalid {}

/** What was named does not exist (any more). */
export class NotFound extends Error {}

/** Known, but not allowed: wrong password, revoked device, missing role. `code` is a word that machines read. */
export class Refused extends Error {
  readonly code: string
  constructor(message: string, code = 'refused') {
    super(message)
    this.code = code
  }
}

/** This node may not change accounts; `master` names the node that may. */
export class ReadOnly extends Error {
  readonly master: string
  constructor(
    master: string,
    message = `This node is a slave of ${master}. Make the change there; it arrives here by itself.`,
  ) {
    super(message)
    this.master = master
  }
}

/** It cannot be done now and may work later: busy, master away, not set up yet. */
export class Unavailable extends Error {
  readonly retryAfterSeconds: number
  constructor(message: string, retryAfterSeconds = 5) {
    super(message)
    this.retryAfterSeconds = retryAfterSeconds
  }
}

/** Whether it was done is not known: the answer was lost. */
export class Uncertain extends Unavailable {}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
