import { existsSync, readFileSync } from 'node:fs'
import type { NameService, ServerKind } from './conf.ts'
import { complaint, run } from './programs.ts'

/** A daemon, its unit of systemd, and how it is started where there is no systemd. */
type Service = { daemon: string; unit: string; byHand: string; pidFile: string }

const all: Record<'nslcd' | 'smbd' | 'nmbd' | 'winbindd', Service> = {
  nslcd: {
    daemon: 'nslcd',
    unit: 'nslcd',
    byHand: 'install -d -o nslcd /run/nslcd && nslcd',
    pidFile: '/run/nslcd/nslcd.pid',
  },
  smbd: { daemon: 'smbd', unit: 'smbd', byHand: 'smbd -D', pidFile: '/run/samba/smbd.pid' },
  nmbd: { daemon: 'nmbd', unit: 'nmbd', byHand: 'nmbd -D', pidFile: '/run/samba/nmbd.pid' },
  winbindd: { daemon: 'winbindd', unit: 'winbind', byHand: 'winbindd -D', pidFile: '/run/samba/winbindd.pid' },
}

/** In the order in which they are started: whoever knows the people comes first. */
export const servicesOf = (kind: ServerKind, nameService: NameService | undefined): Service[] => [
  ...(nameService === 'nslcd' ? [all.nslcd] : []),
  all.smbd,
  ...(kind === 'file-server' ? [] : [all.nmbd]),
  all.winbindd,
]

export const hasSystemd = (): boolean => existsSync('/run/systemd/system')

export const isRunning = (daemon: keyof typeof all): boolean => pidOf(all[daemon]) !== undefined

function pidOf({ pidFile, daemon }: Service): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10)
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === daemon ? pid : undefined
  } catch {
    return undefined
  }
}

/** What somebody types where nothing else starts services. */
export const commandsByHand = (services: readonly Service[]): string[] =>
  services.flatMap((service) => {
    const pid = pidOf(service)
    return pid === undefined ? [service.byHand] : [`kill ${pid}; sleep 1; ${service.byHand}`]
  })

/** Starts them, or starts them anew; throws with what systemd says. */
export async function restart(services: readonly Service[]): Promise<void> {
  for (const { unit } of services) {
    await run(['systemctl', 'enable', '--quiet', unit])
    const ran = await run(['systemctl', 'restart', unit], '', 90_000)
    if (ran.code !== 0) throw new Error(`${unit} does not start: ${complaint(ran)} See “journalctl -u ${unit}”.`)
  }
}
