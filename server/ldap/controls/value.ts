import { Malformed } from '../wire/ber.ts'
import type { Control } from '../wire/controls.ts'

/** The value of a control that cannot do without one. */
export function neededValue({ oid, value }: Control): Buffer {
  if (!value) throw new Malformed(`control ${oid} without its value`)
  return value
}

export const controlOf = (controls: readonly Control[], oid: string): Control | undefined =>
  controls.find((control) => control.oid === oid)
