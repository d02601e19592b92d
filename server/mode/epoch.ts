import { randomUUID } from 'node:crypto'
import type { Actor } from '../audit/actor.ts'
import type { Db } from '../store/db.ts'
import type { Position } from '../store/position.ts'
import { type Change, write } from '../store/write.ts'
import { signText, textIsSigned } from './certificates.ts'

/** An epoch is a stretch of the feed under one master; a restored or promoted master begins the next. */
export type Epoch = Pick<Position, 'clusterId' | 'epochNo' | 'epochId'>

/** What the cluster's key signs. */
export const epochText = (epoch: Epoch): string => `epoch ${epoch.clusterId} ${epoch.epochNo} ${epoch.epochId}`

export const epochName = (epoch: Pick<Epoch, 'epochNo' | 'epochId'>): string => `${epoch.epochNo}.${epoch.epochId}`

export const epochIsSigned = (epoch: Epoch, signature: string, caPem: string): boolean =>
  textIsSigned(caPem, epochText(epoch), signature)

/**
 * Begins the next epoch: what is here counts from now on, whatever somebody may have got from a history that is no more.
 * After a restore, for one: numbers of changes come again then, and mean something else.
 */
export async function beginEpoch(db: Db, actor: Actor, reason?: string): Promise<void> {
  await write(db, actor, async (change) => {
    const no = startEpoch(db, change, change.head.epochNo + 1)
    change.note({ sentence: `Began epoch ${no}${reason ? `. ${reason}` : ''}` })
  })
}

/** From this change on the feed is of epoch `epochNo`, signed with the cluster's key. */
export function startEpoch({ dir, local }: Db, change: Change, epochNo: number): number {
  const { head } = change
  const epoch = { clusterId: head.clusterId, epochNo, epochId: randomUUID() }
  Object.assign(head, epoch, { epochSig: signText(dir, epochText(epoch)) })
  change.local({ epochs: [...(local.epochs ?? []), `${epochName(epoch)}@${head.seq}`].slice(-mostEpochs) })
  return epochNo
}

const mostEpochs = 16

/**
 * Two nodes that went through the same epochs had one history up to the change at which the first epoch began that is not
 * the other's too. Undefined: all of them are.
 */
export function forkOf(mine: readonly string[], theirs: readonly string[]): number | undefined {
  const known = { mine: new Set(mine), theirs: new Set(theirs) }
  const apart = [...mine.filter((one) => !known.theirs.has(one)), ...theirs.filter((one) => !known.mine.has(one))]
  return apart.length === 0 ? undefined : Math.min(...apart.map((one) => Number(one.split('@')[1])))
}
