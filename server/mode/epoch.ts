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
    const no = startEpoch(db.dir, change, change.head.epochNo + 1)
    change.note({ sentence: `Began epoch ${no}${reason ? `. ${reason}` : ''}` })
  })
}

/** From this change on the feed is of epoch `epochNo`, signed with the cluster's key. */
export function startEpoch(dir: string, { head, local }: Change, epochNo: number): number {
  const epoch = { clusterId: head.clusterId, epochNo, epochId: randomUUID() }
  Object.assign(head, epoch, { epochSig: signText(dir, epochText(epoch)) })
  local({ epochStart: head.seq })
  return epochNo
}
