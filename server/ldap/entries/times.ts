import type { Line } from '../block.ts'
import { slotOf } from '../slots.ts'

const uuidSlot = slotOf('entryUUID')
const createSlot = slotOf('createTimestamp')
const modifySlot = slotOf('modifyTimestamp')

/** ISO 8601 -> GeneralizedTime in whole seconds, the form that every client reads. */
export function generalizedTime(iso: string): string {
  const time = new Date(iso)
  if (Number.isNaN(time.getTime())) return '19700101000000Z'
  return `${time.toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`
}

/** The operational attributes that each entry has of its own. They stand last, so that what `*` asks for is one piece. */
export const operationalLines = (id: string, added: string, changed = added): Line[] => [
  [uuidSlot, [id]],
  [createSlot, [generalizedTime(added)]],
  [modifySlot, [generalizedTime(changed)]],
]
