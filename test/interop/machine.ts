import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Given, type Ran, run, start } from './programs.ts'

/**
 * A machine of its own within this one: the same files with its own on top, its own processes, the same network unless it
 * is given another. What is installed and set there (nsswitch, PAM, users) is nobody else's, and gone with it. Takes root.
 */
export type Machine = {
  /** Its first process, as this machine numbers it. */
  pid: string
  run: (command: readonly string[], given?: Given) => Promise<Ran>
  /** Runs what must succeed. */
  must: (command: readonly string[], given?: Given) => Promise<string>
  start: (command: readonly string[], given?: Given) => ReturnType<typeof start>
  write: (path: string, text: string, mode?: string) => Promise<void>
  end: () => Promise<void>
}

/** Everything in memory, on top of this machine's root; the first process ends when its stdin does, and all others with it. */
const boot = `
set -e
read -r pid rest </proc/self/stat
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
name=$2
for deb in "$1"/*.deb; do [ ! -e "$deb" ] || cp "$deb" /mnt; done
mount --rbind /dev /mnt/root/dev
mount -t proc proc /mnt/root/proc
mount -t tmpfs -o mode=755 tmpfs /mnt/root/run
mount -t tmpfs -o mode=1777 tmpfs /mnt/root/tmp
mkdir /mnt/root/tmp/packages
shift 2
while [ $# -gt 0 ]; do
  mkdir -p "/mnt/root$2"
  mount --bind "$1" "/mnt/root$2"
  shift 2
done
for deb in /mnt/*.deb; do [ ! -e "$deb" ] || mv "$deb" /mnt/root/tmp/packages; done
cd /mnt/root
pivot_root . mnt
umount -l /mnt
hostname "$name"
echo "127.0.0.1 localhost $name" >/etc/hosts
echo "up $pid"
exec cat
`

/** As apt-get would, but for what starts services, and for the index of man. */
const install = `
set -e
printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
rm -f /var/lib/man-db/auto-update
debconf-set-selections
set -- /tmp/packages/*.deb
if [ -e "$1" ]; then dpkg --force-unsafe-io -i "$@"; fi
`

const env = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  DEBIAN_FRONTEND: 'noninteractive',
}

export type MachineSettings = {
  /** What debconf would ask. */
  answers?: string
  name?: string
  /** A network of its own, with nothing in it yet. */
  hasOwnNet?: boolean
  /** Folders of this machine, and where they are on that one. */
  shares?: readonly (readonly [here: string, there: string])[]
}

/** `packages`: the folder of scripts/test-interop.sh. */
export async function startMachine(packages: string, settings: MachineSettings | string = {}): Promise<Machine> {
  const given = typeof settings === 'string' ? { answers: settings } : settings
  const { answers = '', name = packages, hasOwnNet = false, shares = [] } = given
  const folder = fileURLToPath(new URL(`../../node_modules/.cache/logins/${packages}`, import.meta.url))
  if (!existsSync(folder) || !readdirSync(folder).includes('names'))
    throw new Error(`The packages for ${packages} are not there: scripts/test-interop.sh brings them.`)
  const spaces = ['--pid', '--mount', '--uts', ...(hasOwnNet ? ['--net'] : [])]
  const args = ['--fork', '--kill-child', ...spaces, 'sh', '-c', boot, 'boot', folder, name, ...shares.flat()]
  const child = spawn('unshare', args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const said: string[] = []
  child.stderr.on('data', (data) => said.push(String(data)))
  const ended = once(child, 'close')
  const up = new Promise<string>((resolve) =>
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('up ')) resolve(line.slice(3))
    }),
  )
  const pid = await Promise.race([
    up,
    ended.then(() => {
      throw new Error(`No private machine can be had here; it takes root: ${said.join('')}`)
    }),
  ])
  const enter = (command: readonly string[]): string[] => [
    ...['-t', pid, '-m', '-p', '-u', '-r', ...(hasOwnNet ? ['-n'] : [])],
    ...command,
  ]
  const withEnv = (given: Given = {}): Given => ({ ...given, env: { ...env, ...given.env } })
  const machine: Machine = {
    pid,
    run: (command, given) => run('nsenter', enter(command), withEnv(given)),
    start: (command, given) => start('nsenter', enter(command), withEnv(given)),
    async must(command, given) {
      const { code, out, err } = await machine.run(command, given)
      if (code !== 0) throw new Error(`${command.slice(0, 3).join(' ')} ended with ${code}: ${out}${err}`)
      return out
    },
    async write(path, text, mode = '644') {
      await machine.must(['sh', '-c', 'umask 077; cat >"$1" && chmod "$2" "$1"', 'write', path, mode], { input: text })
    },
    async end() {
      child.stdin.end()
      await ended
    },
  }
  try {
    await machine.must(['sh', '-c', install], { input: answers, timeoutMs: 120_000 })
  } catch (error) {
    await machine.end()
    throw error
  }
  return machine
}
