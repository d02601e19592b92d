import { recoveryMade } from '../mode/recovery.ts'
import { unshippedFiles } from '../mode/unshipped.ts'
import type { Db } from '../store/db.ts'

/** What needs somebody because one node took, or could one day have to take, the place of another as master. */
export async function concernsOfMaster(db: Db, devices: number) {
  const { newer, mode } = db.local
  const isWithoutCode = mode === 'master' && !newer && devices > 0 && (await recoveryMade(db)) === undefined
  return [
    newer && {
      kind: 'bad' as const,
      icon: 'alert',
      title: `${newer.name ?? 'Another node'} is master now`,
      text: 'This node changes nothing until it is its slave.',
      href: '/mode',
      action: 'Mode',
    },
    unshippedFiles(db).length > 0 && {
      kind: 'look' as const,
      icon: 'alert',
      title: 'The master never got some changes of this node',
      text: 'They are kept here, and can be made again.',
      href: '/mode/unshipped',
      action: 'Look',
    },
    isWithoutCode && {
      kind: 'neutral' as const,
      icon: 'key',
      title: 'There is no recovery code',
      text: 'With it a slave takes the place of this master, should it ever be lost.',
      href: '/mode/recovery',
      action: 'Make it',
    },
  ].filter((one) => one !== undefined && one !== false)
}
