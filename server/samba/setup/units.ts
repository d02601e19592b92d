import { join } from 'node:path'
import { roleFile } from '../role.ts'
import { type FileChange, readIfThere } from './files.ts'
import { complaint, run } from './programs.ts'

const folder = '/etc/systemd/system'
const name = 'account-sync-samba'

const head = '# Written by “account-sync samba setup”, and written anew by it.'

/**
 * Samba follows its node: when a slave becomes the master, or has another one, systemd runs the setup anew.
 * `program`: as a unit runs it; `data`: the data directory of the node.
 */
export function unitFiles(program: string, data: string): FileChange[] {
  const path = `${head}
[Unit]
Description=Account Synchronization: what Samba is to be

[Path]
PathChanged=${join(data, roleFile)}

[Install]
WantedBy=multi-user.target
`
  const service = `${head}
[Unit]
Description=Account Synchronization: Samba as its node is
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=${program} samba setup --yes --data ${data}
# The node may be about to start anew.
Restart=on-failure
RestartSec=10
`
  return [
    [`${name}.path`, path],
    [`${name}.service`, service],
  ].map(([file = '', after = '']) => {
    const at = join(folder, file)
    return { path: at, before: readIfThere(at), after, mode: 0o644 }
  })
}

export async function watchRole(): Promise<void> {
  for (const command of [['daemon-reload'], ['enable', '--quiet', '--now', `${name}.path`]]) {
    const ran = await run(['systemctl', ...command])
    if (ran.code !== 0) throw new Error(`systemd does not watch what Samba is to be: ${complaint(ran)}`)
  }
}
