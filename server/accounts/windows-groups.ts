import { randomUUID } from 'node:crypto'
import { Invalid } from '../errors.ts'
import { groupIdByName } from '../store/groups.ts'
import type { Change } from '../store/write.ts'
import { nameTaken } from './user-input.ts'

/** The groups that a Windows domain cannot be without, with their relative identifiers ([MS-DTYP] 2.4.2.4). */
export const windowsGroups: readonly { name: string; rid: number; description: string }[] = [
  { name: 'domain_admins', rid: 512, description: 'Administer the Windows domain and its computers' },
  { name: 'domain_users', rid: 513, description: 'Everyone with a Windows account' },
  { name: 'domain_guests', rid: 514, description: 'Guests of the Windows domain' },
  { name: 'domain_computers', rid: 515, description: 'Computers that have joined the Windows domain' },
  { name: 'administrators', rid: 544, description: 'Full access to the Windows servers' },
  { name: 'users', rid: 545, description: 'Ordinary use of the Windows servers' },
  { name: 'guests', rid: 546, description: 'Guests of the Windows servers' },
  { name: 'power_users', rid: 547, description: 'Share folders and printers on Windows computers' },
  { name: 'account_operators', rid: 548, description: 'Manage accounts from Windows tools' },
  { name: 'server_operators', rid: 549, description: 'Manage the Windows servers' },
  { name: 'print_operators', rid: 550, description: 'Manage printers and print jobs' },
  { name: 'backup_operators', rid: 551, description: 'Read and restore every file for backups' },
]

/** Numbers of their own, above every range from which numbers are given out. */
const firstNumber = 1_000_000

/** Puts the Windows groups that are not there yet: when Windows Networking is turned on for the first time. */
export async function putWindowsGroups(change: Change): Promise<number> {
  let added = 0
  for (const { name, rid, description } of windowsGroups) {
    if (await groupIdByName(change.trx, name)) continue
    const problem = await nameTaken(change.trx, name, undefined, 'group name')
    if (problem)
      throw new Invalid({
        on: `Windows Networking brings a group named “${name}”. ${problem.split('. ')[0]}: rename that first.`,
      })
    const now = new Date().toISOString()
    const body = { name, description, gidNumber: firstNumber + rid, type: 'windows' as const, added: now, changed: now }
    await change.put('group', randomUUID(), body)
    added++
  }
  return added
}
