import { mkdirSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type Browser, signedInBrowser } from '../browser.ts'
import { anyOf, contains, openBound, searchRequest } from '../ldap.ts'
import { command, nodePorts, serveNode, statusOf } from '../pairs/account-sync.ts'
import { type Admin, openAdmin } from '../pairs/admin.ts'
import { slapdPair } from '../pairs/slapd.ts'
import { crowdName, makeMaster } from '../pairs/store.ts'
import { groupNameOf, personOf, usernameOf } from '../people.ts'
import { memoryOf, stop, until } from '../processes.ts'
import { atMostAbsolute, duration, megabytes, plain, type Row } from '../report.ts'
import { percentile } from '../stats.ts'
import type { OwnMeasure, Surroundings } from './measure.ts'

const password = 'bench-pages-1'

/** What somebody types, letter by letter: a first name, a username, a mail address, two words, and what nobody has. */
const typed = ['Stina', 'u0123', 'dahl.4711@ex', 'eriksen gr', 'zzzz']
const prefixes = typed.flatMap((text) => Array.from(text, (_, at) => text.slice(0, at + 1)))

/** An administrator at work, in a store of many people: the pages, and the changes of a group that holds a fifth of them. */
export const pages: OwnMeasure = async (bench) => {
  const { many, samples, say } = bench
  const dir = join(bench.folder, 'pages-master')
  const crowd = Math.floor(many / 5)
  const groups = Math.min(2000, Math.floor(many / 50))
  say(`loading ${many} people, ${groups} groups and one more that holds ${crowd}`)
  await makeMaster(dir, many, { password, groups, crowd, varied: true })
  const ports = await nodePorts()
  const server = serveNode('pages-master', dir, ports, bench.profile)
  const admin = openAdmin(dir)
  let browser: Browser | undefined
  try {
    await until('The start of the master', () => answers(ports.web), 5, server)
    browser = await signedInBrowser(ports.web, 'admin', password)
    const before = memoryOf(server).rss
    say('pages: the first lists, until everybody is in memory')
    const first = await browser.get('/users?search=zzzz')
    await wait(4000)
    const rows: Row[] = [plain('first list of people after a start', first, undefined, duration)]
    const longest = watch(ports.web)
    const lists = (paths: string[], ask: (path: string) => Promise<number>) => timesOf(paths, samples, ask)
    const page = Math.ceil(many / 50)
    say('pages: lists, searches, people, groups')
    const sorted = ['name', 'username', 'status', 'number'].flatMap((sort) =>
      ['asc', 'desc'].flatMap((order) =>
        [1, Math.ceil(page / 2), page].map((at) => `/users?sort=${sort}&order=${order}&page=${at}`),
      ),
    )
    const filters = [
      `group=${groupNameOf(17)}`,
      `group=${crowdName}`,
      'plugin=ftp',
      ...states.map((state) => `status=${state}`),
    ]
    const filtered = [...filters, `group=${crowdName}&status=locked&search=an`].map((filter) => `/users?${filter}`)
    const search = prefixes.map((text) => `/users?search=${encodeURIComponent(text)}`)
    const found = await lists(search, browser.part)
    rows.push(
      ...times(`users page of ${many}, any sort, any page`, await lists(sorted, browser.get), 50),
      ...times('users page, any filter', await lists(filtered, browser.get), 50),
      ...times('search as you type', found, 50, await theirs(bench)),
      ...times(
        "a user's page",
        await lists(
          [1, 4711, many - 1].map((index) => `/users/${usernameOf(index)}`),
          browser.get,
        ),
        30,
      ),
      ...times('groups page, any sort', await lists(groupLists, browser.get), 50),
      ...times('home page', await lists(['/'], browser.get), 50),
    )
    say('pages: a large group')
    rows.push(...(await crowded(browser, admin, many, crowd, Math.ceil(samples / 4))))
    say(`pages: an import of ${newcomers} people`)
    rows.push(...(await imported(browser, bench.folder, dir)))
    rows.push(
      ...times('another request meanwhile', longest.end(), 200),
      plain('memory before the first list, RSS', before, undefined, megabytes),
      plain('memory after all of it, RSS', memoryOf(server).rss, undefined, megabytes),
    )
    return rows
  } finally {
    browser?.close()
    admin.close()
    await stop(server)
  }
}

const states = ['enabled', 'disabled', 'locked', 'expired', 'waiting']
const groupLists = ['name', 'number', 'members'].flatMap((sort) =>
  ['asc', 'desc'].map((order) => `/groups?sort=${sort}&order=${order}`),
)

/** Each path in turn, so often that each kind has about `samples` answers. */
async function timesOf(paths: string[], samples: number, ask: (path: string) => Promise<number>): Promise<number[]> {
  for (const path of paths) await ask(path)
  const found: number[] = []
  while (found.length < samples) for (const path of paths) found.push(await ask(path))
  return found
}

function times(what: string, ours: number[], bar: number, slapd?: number[]): Row[] {
  const of = (p: number) => [percentile(ours, p), slapd && percentile(slapd, p)] as const
  return [plain(`${what}, p50`, ...of(0.5), duration), atMostAbsolute(`${what}, p95`, ...of(0.95), bar, duration)]
}

const otherName = 'multitude'

/** The changes of a group that holds many, each on its way through the page; and how much of it travels. */
async function crowded(browser: Browser, admin: Admin, many: number, crowd: number, samples: number): Promise<Row[]> {
  const path = `/groups/${crowdName}`
  const moved = async (change: () => Promise<number>) => {
    const before = (await statusOf(admin))?.seq ?? 0
    const ms = await change()
    return { ms, objects: ((await statusOf(admin))?.seq ?? 0) - before }
  }
  const all: { ms: number; objects: number }[] = []
  for (let sample = 0; sample < samples; sample++) {
    const username = usernameOf(crowd + 1 + ((sample * 37) % (many - crowd - 1)))
    all.push(await moved(() => browser.post(`${path}/members`, { join: username })))
    all.push(await moved(() => browser.post(`${path}/members`, { leave: username })))
    // It changes its name and takes it again.
    all.push(await moved(() => browser.post(path, { name: otherName, description: `Changed ${sample}` })))
    all.push(await moved(() => browser.post(`/groups/${otherName}`, { name: crowdName, description: '' })))
  }
  const shown = await timesOf([path, `${path}?search=stina`, `${path}?page=300`], samples * 3, browser.get)
  return [
    ...times(`a group of ${crowd}, its page`, shown, 300),
    ...times(
      '  one joins, one leaves, it is renamed',
      all.map(({ ms }) => ms),
      300,
    ),
    atMostAbsolute(
      '  objects that travel for each',
      Math.max(...all.map(({ objects }) => objects)),
      undefined,
      2,
      String,
    ),
  ]
}

const answers = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/health`).then(
    (answer) => answer.ok,
    () => false,
  )

const newcomers = 10_000

/** People without passwords come by CSV, while somebody goes on looking at lists. */
async function imported(browser: Browser, folder: string, dir: string): Promise<Row[]> {
  const lines = Array.from({ length: newcomers }, (_, index) => {
    const { first, last, contact } = personOf(index, newcomers)
    return `new${index},${first},${last},${contact.mail},${groupNameOf(index % 20)}`
  })
  const file = join(folder, 'newcomers.csv')
  const header = 'core.username,core.first_name,core.last_name,extensions.contact.mail,groups'
  writeFileSync(file, `${[header, ...lines].join('\n')}\n`)
  const began = performance.now()
  let isOver = false
  const importing = command(['import', file, '--data', dir]).finally(() => {
    isOver = true
  })
  importing.catch(() => {})
  const shown: number[] = []
  for (let at = 0; !isOver; at++) {
    shown.push(await browser.get(`/users?search=${encodeURIComponent(prefixes[at % prefixes.length]!)}`))
    await wait(50)
  }
  await importing
  return [
    atMostAbsolute(
      `import of ${newcomers} people without passwords`,
      performance.now() - began,
      undefined,
      15_000,
      duration,
    ),
    ...times('  a list meanwhile', shown, 200),
  ]
}

/** Asks for something small over and over, as another person would, and keeps how long each answer took. */
function watch(port: number): { end: () => number[] } {
  const found: number[] = []
  let isOver = false
  const ask = () =>
    new Promise<void>((resolve) => {
      const began = performance.now()
      request({ host: '127.0.0.1', port, path: '/health' }, (answer) => {
        answer.resume().once('end', () => {
          found.push(performance.now() - began)
          resolve()
        })
      })
        .once('error', () => resolve())
        .end()
    })
  const run = async () => {
    while (!isOver) {
      await ask()
      await wait(10)
    }
  }
  void run()
  return {
    end: () => {
      isOver = true
      return found
    },
  }
}

const named = ['cn', 'uid', 'mail']

/** The same letters as a filter over three attributes that are indexed for parts; unsorted, uncounted, the first 50. */
async function theirs({ folder, many, samples, say }: Surroundings): Promise<number[]> {
  say(`pages: loading ${many} people into slapd`)
  mkdirSync(join(folder, 'pages-slapd'))
  const pair = await slapdPair(join(folder, 'pages-slapd'), many, { substrings: true })
  try {
    await pair.startMaster()
    const ldap = await openBound(pair.ldapPorts.master, pair.reader.dn, pair.reader.password)
    if (!ldap) throw new Error('slapd refuses the reader.')
    const found = await timesOf(prefixes, samples, async (text) => {
      const began = performance.now()
      await ldap.send(
        searchRequest(pair.usersDn, 'sub', anyOf(...named.map((name) => contains(name, text))), named, 50),
      )
      return performance.now() - began
    })
    ldap.close()
    return found
  } finally {
    await pair.close()
  }
}
