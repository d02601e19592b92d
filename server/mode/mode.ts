import type { Actor } from '../audit/actor.ts'
import { ReadOnly, Refused, Unavailable } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { commit } from '../store/write.ts'
import { startEpoch } from './epoch.ts'

/** Standalone becomes master, and back, without touching accounts: only whether slaves are answered changes. */
export async function setMode(db: Db, actor: Actor, mode: 'standalone' | 'master'): Promise<void> {
  if (!db.local.mode) throw new Unavailable('This node is not set up yet. Choose its mode first.')
  if (db.local.mode === 'slave') throw new ReadOnly(db.local.masterName ?? db.local.masterUrl ?? 'the master')
  if (mode !== 'standalone' && mode !== 'master') throw new Refused('Mode must be standalone or master.', 'mode')
  if (mode === 'master' && db.local.newer) return goOnAsMaster(db, actor)
  if (db.local.mode === mode) return
  await commit(db, actor, async (change) => {
    change.local({ mode, since: new Date().toISOString() })
    change.note({ sentence: `This node became ${mode}` })
  })
}

/** An administrator decides that this node is the master after all: it begins an epoch above the one that it bowed to. */
async function goOnAsMaster(db: Db, actor: Actor): Promise<void> {
  const { newer } = db.local
  await commit(db, actor, async (change) => {
    startEpoch(db, change, Math.max(newer?.epochNo ?? 0, change.head.epochNo) + 1)
    change.local({ newer: undefined, handOver: undefined, oldMasters: newer?.url ? [newer.url] : [] })
    change.note({ sentence: `This node goes on as master${newer?.name ? `, and not ${newer.name}` : ''}` })
  })
}
