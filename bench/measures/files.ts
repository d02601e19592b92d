import { randomFillSync } from 'node:crypto'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Unavailable } from '../../server/errors.ts'
import { command } from '../pairs/account-sync.ts'
import { type Node, openNode } from '../pairs/node.ts'
import { freePorts, memoryOf, run, start, stop, until } from '../processes.ts'
import { atLeast, atMostAbsolute, duration, megabytes, plain, type Row } from '../report.ts'
import { median } from '../stats.ts'
import type { OwnMeasure, Surroundings } from './measure.ts'

const bigBytes = 1_000_000_000
const many = 10_000
const perSecond = (value: number): string => `${Math.round(value)} MB/s`
const times = (value: number): string => `${value}`

/** Files on their way to a slave, beside curl that fetches the same file from nginx over TLS. */
export const files: OwnMeasure = async (given) => {
  const folder = join(given.folder, 'files')
  mkdirSync(folder)
  const dirs = { master: join(folder, 'master'), slave: join(folder, 'slave') }
  await command(
    ['setup', '--mode', 'master', '--domain', 'example.lan', '--admin', 'admin', '--data', dirs.master],
    'a-long-password-1\n',
  )
  const master = await openNode('files-master', dirs.master, given.profile)
  const slave = await openNode('files-slave', dirs.slave, given.profile)
  try {
    await master.start()
    const key = join(folder, 'key')
    writeFileSync(key, await command(['key', 'show', '--data', dirs.master]), { mode: 0o600 })
    const where = ['--master', `127.0.0.1:${master.ports.sync}`, '--key-file', key, '--name', 'gw-bench']
    await command(['setup', '--mode', 'slave', ...where, '--data', dirs.slave])
    await slave.start()
    return [...(await oneBig(given, folder, master, slave)), ...(await manySmall(given, master, slave))]
  } finally {
    await slave.close()
    await master.close()
  }
}

const filesAt = (node: Node, name: string): string => join(node.dir, 'files', name)

async function addSet(master: Node, name: string): Promise<string> {
  await command(['files', 'add', name, '--data', master.dir])
  const dir = filesAt(master, name)
  await command(['files', 'place', name, dir, '--data', master.dir])
  return dir
}

const published = async (master: Node, name: string): Promise<number> =>
  JSON.parse(await command(['files', 'show', name, '--json', '--data', master.dir])).files

async function oneBig({ repeats, say }: Surroundings, folder: string, master: Node, slave: Node): Promise<Row[]> {
  const path = join(folder, 'big')
  writeBig(path)
  say('files: 1 GB over TLS, nginx to curl')
  const theirs: number[] = []
  const nginx = await startNginx(folder)
  try {
    for (let n = 0; n < repeats; n++) {
      const began = performance.now()
      await run('curl', [
        '-sSf',
        '--cacert',
        join(folder, 'tls.pem'),
        '-o',
        join(folder, 'fetched'),
        `https://localhost:${nginx.port}/big`,
      ])
      theirs.push(bigBytes / 1000 / (performance.now() - began))
      rmSync(join(folder, 'fetched'))
    }
  } finally {
    await stop(nginx.server)
  }
  say('files: 1 GB over TLS, master to slave')
  const from = await addSet(master, 'big')
  const ours: number[] = []
  let peak = 0
  await run('cp', [path, join(from, 'big')])
  await until('1 GB on the master', async () => (await published(master, 'big')) === 1, 500)
  for (let n = 0; n < repeats; n++) {
    const to = filesAt(slave, `big-${n}`)
    const before = memoryOf(slave.server()).rss
    const began = performance.now()
    await slave.admin.call('file-place-set', { set: 'big', dir: to })
    await until('1 GB on the slave', async () => existsSync(join(to, 'big')), 5, slave.server())
    ours.push(bigBytes / 1000 / (performance.now() - began))
    peak = Math.max(peak, memoryOf(slave.server()).peak - before)
    await command(['files', 'no-place', 'big', '--data', slave.dir])
    rmSync(to, { recursive: true })
  }
  await command(['files', 'remove', 'big', '--data', master.dir])
  rmSync(path)
  return [
    atLeast(
      '1 GB in one file, verified and synced (nginx to curl: neither)',
      median(ours),
      median(theirs),
      0.7,
      perSecond,
    ),
    plain('Memory of the slave beyond what it had', peak, undefined, megabytes),
  ]
}

function writeBig(path: string): void {
  const file = openSync(path, 'w')
  const chunk = Buffer.allocUnsafe(10_000_000)
  for (let at = 0; at < bigBytes; at += chunk.length) writeSync(file, randomFillSync(chunk))
  closeSync(file)
}

async function startNginx(folder: string) {
  const [port = 0] = await freePorts(1)
  const pair = ['-keyout', join(folder, 'tls.key'), '-out', join(folder, 'tls.pem')]
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  await run('openssl', [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '2',
    ...pair,
    ...names,
  ])
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/nginx.log;
events { worker_connections 64; }
http {
  access_log off;
  sendfile on;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  server { listen 127.0.0.1:${port} ssl; ssl_certificate ${folder}/tls.pem; ssl_certificate_key ${folder}/tls.key; root ${folder}; }
}
`,
  )
  const server = start('nginx', join(folder, 'nginx.out'), 'nginx', [
    '-c',
    join(folder, 'nginx.conf'),
    '-e',
    join(folder, 'nginx.log'),
  ])
  const isUp = () =>
    run('curl', ['-sS', '-o', '/dev/null', '--cacert', join(folder, 'tls.pem'), `https://localhost:${port}/tls.pem`])
  await until(
    'nginx',
    () =>
      isUp().then(
        () => true,
        () => false,
      ),
    50,
    server,
  )
  return { server, port }
}

/** How often slaves were given a blob. */
async function blobsSent(master: Node): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${master.ports.web}/metrics`)
  const found = /^account_sync_files_sent_total (\d+)/m.exec(await answer.text())
  if (!found) throw new Unavailable('The master does not say how many files it gave out.')
  return Number(found[1])
}

async function manySmall({ say }: Surroundings, master: Node, slave: Node): Promise<Row[]> {
  say(`files: ${many} small ones`)
  const from = await addSet(master, 'many')
  const place = (n: number) => `d${n % 100}/f${n}`
  for (let n = 0; n < 100; n++) mkdirSync(join(from, `d${n}`))
  for (let n = 0; n < many; n++) writeFileSync(join(from, place(n)), `file ${n}\n`)
  const began = performance.now()
  await until('the files on the master', async () => (await published(master, 'many')) === many, 500)
  const publishMs = performance.now() - began
  const to = filesAt(slave, 'many')
  const fetching = performance.now()
  await command(['files', 'place', 'many', to, '--data', slave.dir])
  const last = join(to, place(many - 1))
  const counted = () =>
    existsSync(last)
      ? readdirSync(to).reduce(
          (sum, name) => sum + readdirSync(join(to, name)).filter((one) => !one.startsWith('.')).length,
          0,
        )
      : 0
  await until('the files on the slave', async () => counted() === many, 200, slave.server())
  const fetchMs = performance.now() - fetching
  await wait(2000)

  const before = await blobsSent(master)
  await slave.stop()
  await slave.start()
  const isEqual = async () => {
    const { nodes } = JSON.parse(await command(['files', 'show', 'many', '--json', '--data', master.dir]))
    return nodes[0]?.state === 'equal'
  }
  await until('the slave to have looked at all of them', isEqual, 200, slave.server())
  const unchanged = (await blobsSent(master)) - before
  writeFileSync(join(from, place(5000)), 'changed\n')
  const changedAt = performance.now()
  await until('the change', async () => statSync(join(to, place(5000))).size === 8, 5, slave.server())
  const changeMs = performance.now() - changedAt
  await wait(1000)
  const changed = (await blobsSent(master)) - before - unchanged
  return [
    plain(`${many.toLocaleString('en')} small files: published`, publishMs, undefined, duration),
    plain('... and on the slave', fetchMs, undefined, duration),
    atMostAbsolute('... nothing changed: blobs that are asked for', unchanged, undefined, 0, times),
    atMostAbsolute('... one changed: blobs that are asked for', changed, undefined, 1, times),
    plain('... until it is there', changeMs, undefined, duration),
  ]
}
