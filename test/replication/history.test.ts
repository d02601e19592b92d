import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { binPage, purge, undelete } from '../../server/accounts/bin.ts'
import { addMembers } from '../../server/accounts/group-members.ts'
import { addGroup, groupByName, removeGroup } from '../../server/accounts/groups.ts'
import { undoChange } from '../../server/accounts/undo.ts'
import { setStatus } from '../../server/accounts/user-status.ts'
import { addUser, changeUser, removeUser, userByUsername } from '../../server/accounts/users.ts'
import { auditPage } from '../../server/audit/audit.ts'
import { type Answer, BadAnswer, readAnswer } from '../../server/replication/answer.ts'
import { applyAnswer, Diverged } from '../../server/replication/apply.ts'
import { answerLines } from '../../server/replication/master.ts'
import type { Db } from '../../server/store/db.ts'
import { write } from '../../server/store/write.ts'
import { me, somebody } from '../support/people.ts'
import { aMasterStore, aStore } from '../support/store.ts'

async function answerSince(db: Db, since: number): Promise<string> {
  let text = ''
  for await (const part of answerLines(db, since)) text += part
  return text
}

const read = (text: string): Promise<Answer> => readAnswer(chunksOf(text))

async function* chunksOf(text: string, size = 1000): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const content = (db: Db): Promise<unknown[]> =>
  db.reader('objects').where({ deleted: false }).orderBy(['kind', 'id']).select('kind', 'id', 'body', 'seq')

const tables = async (db: Db): Promise<unknown> => ({
  names: await db.reader('names').orderBy('name'),
  users: await db.reader('users').orderBy('id'),
  groups: await db.reader('groups').orderBy('id'),
  memberships: await db.reader('memberships').orderBy(['of', 'user_id']),
  nestings: await db.reader('nestings').orderBy(['of', 'group_id']),
  removed: await db.reader('removed').orderBy('id'),
})

const ops = [
  'add',
  'change',
  'rename',
  'lock',
  'remove',
  'again',
  'group',
  'join',
  'nest',
  'ungroup',
  'back',
  'undo',
  'purge',
] as const
type Op = { op: (typeof ops)[number]; who: number }
const names = ['ann', 'bob', 'cyd', 'dan', 'eve']
const groups = ['red', 'green', 'blue']

/** One random administrator's act; what cannot be done now is simply not done. */
async function act(db: Db, { op, who }: Op): Promise<void> {
  const name = names[who % names.length] as string
  const group = groups[who % groups.length] as string
  const user = () => userByUsername(db, name)
  const acts: Record<Op['op'], () => Promise<unknown>> = {
    add: () => addUser(db, me, somebody({ username: name, plugins: who % 2 ? ['smtp'] : [] })),
    change: async () =>
      changeUser(db, me, (await user()).id, {
        first: `First ${who}`,
        extensions: { contact: { city: `City ${who}` } },
      }),
    rename: async () => changeUser(db, me, (await user()).id, { username: names[(who * 7 + 1) % names.length] }),
    lock: async () => setStatus(db, me, (await user()).id, who % 2 ? 'locked' : 'enabled'),
    remove: async () => removeUser(db, me, (await user()).id),
    again: async () => {
      await removeUser(db, me, (await user()).id)
      await addUser(db, me, somebody({ username: name }))
    },
    group: () => addGroup(db, me, { name: group, description: `${who}` }),
    join: async () => addMembers(db, me, (await groupByName(db, group)).id, { usernames: [name] }),
    nest: async () =>
      addMembers(db, me, (await groupByName(db, group)).id, { groups: [groups[(who + 1) % groups.length] ?? ''] }),
    ungroup: async () => removeGroup(db, me, (await groupByName(db, group)).id),
    back: async () => undelete(db, me, (await binPage(db, {})).rows[who % 3]?.id ?? ''),
    undo: async () => undoChange(db, me, (await auditPage(db, { size: 5 })).rows[who % 5]?.id ?? 0),
    purge: async () => purge(db, me, (await binPage(db, {})).rows[who % 5]?.id ?? ''),
  }
  await acts[op]().catch(() => {})
}

describe('histories', () => {
  let master: Db
  let closeMaster: () => Promise<void>
  before(async () => ({ db: master, close: closeMaster } = await aMasterStore()))
  after(() => closeMaster())

  const anOp = fc.record({
    op: fc.constantFrom<Op['op']>('add', ...ops),
    who: fc.nat(20),
  })

  test('whatever is done and whenever the slave asks, each of its commits is a state that the master had', async () => {
    const slave = await aStore()
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(anOp, { maxLength: 6 }), { maxLength: 6 }), async (rounds) => {
        for (const round of rounds) {
          for (const op of round) await act(master, op)
          await applyAnswer(slave.db, await read(await answerSince(master, slave.db.position.seq)))
          assert.deepEqual(await content(slave.db), await content(master))
          assert.deepEqual(await tables(slave.db), await tables(master))
          assert.equal(slave.db.position.hash, master.position.hash)
        }
      }),
      { numRuns: 12 },
    )
    await slave.close()
  })

  test('from every point of a history, the delta leads to the head', async () => {
    const points: { seq: number; copy: Awaited<ReturnType<typeof aStore>> }[] = []
    for (const op of ops) {
      const copy = await aStore()
      await applyAnswer(copy.db, await read(await answerSince(master, 0)))
      points.push({ seq: master.position.seq, copy })
      for (let who = 0; who < 3; who++) await act(master, { op, who })
    }
    for (const { seq, copy } of points) {
      await applyAnswer(copy.db, await read(await answerSince(master, seq)))
      assert.deepEqual(await content(copy.db), await content(master), `from ${seq}`)
      await copy.close()
    }
  })

  test('an answer cut off at any byte changes nothing', async () => {
    const slave = await aStore()
    await applyAnswer(slave.db, await read(await answerSince(master, 0)))
    await addUser(master, me, somebody({ first: 'Åsa' }))
    const text = await answerSince(master, slave.db.position.seq)
    const bytes = Buffer.from(text)
    const before = slave.db.position
    for (let at = 0; at < bytes.length; at++) {
      const torn = readAnswer(
        (async function* () {
          yield bytes.subarray(0, at)
        })(),
      )
      await assert.rejects(torn, BadAnswer, `at ${at}`)
    }
    assert.deepEqual(slave.db.position, before)
    await applyAnswer(slave.db, await read(text))
    assert.deepEqual(await content(slave.db), await content(master))
    await slave.close()
  })

  test('a packed answer cut off or changed anywhere is refused, and a whole one is read alike twice', async () => {
    const large = (number: number) => ({
      kind: 'tomorrow',
      id: `7f-${number}`,
      body: `{"text":"${'å'.repeat(1500)}${number}"}`,
    })
    await write(master, me, (change) => change.move(Array.from({ length: 300 }, (_, number) => large(number))))
    const text = await answerSince(master, 0)
    const packs = { br: brotliCompressSync(text), gzip: gzipSync(text), identity: Buffer.from(text) } as const
    async function* inParts(bytes: Buffer) {
      for (let at = 0; at < bytes.length; at += 4096) yield bytes.subarray(at, at + 4096)
    }
    for (const [coding, bytes] of Object.entries(packs) as [keyof typeof packs, Buffer][]) {
      const whole = await readAnswer(inParts(bytes), coding)
      for (let time = 0; time < 2; time++) {
        const lines: string[] = []
        for await (const slice of whole.slices()) lines.push(...slice)
        assert.deepEqual(lines, text.trimEnd().split('\n').slice(1, -1))
      }
      for (let part = 0; part < 60; part++) {
        const cut = bytes.subarray(0, Math.floor((bytes.length * part) / 60))
        await assert.rejects(readAnswer(inParts(cut), coding), BadAnswer, `${coding} at ${cut.length}`)
      }
      // Brotli has no checksum: what is changed there is found by the state hash.
      if (coding !== 'gzip') continue
      const changed = Buffer.from(bytes)
      changed.fill(0xa5, Math.floor(bytes.length / 2), Math.floor(bytes.length / 2) + 50)
      await assert.rejects(readAnswer(inParts(changed), coding), BadAnswer)
    }
  })

  test('an answer that is repeated, late, or not what it says is refused whole', async () => {
    const slave = await aStore()
    await applyAnswer(slave.db, await read(await answerSince(master, 0)))
    const since = slave.db.position.seq
    await addUser(master, me, somebody())
    const first = await read(await answerSince(master, since))
    await addUser(master, me, somebody())
    const good = await read(await answerSince(master, since))
    const before = { position: slave.db.position, rows: await content(slave.db) }

    const lines: string[] = []
    for await (const slice of good.slices()) lines.push(...slice)
    const lastLine = lines.at(-1) as string
    const having = (lines: string[]): Answer => ({ ...good, slices: () => [lines] })
    const cases: [string, Answer][] = [
      ['wrong hash', { ...good, end: { ...good.end, hash: 'f'.repeat(32) } }],
      ['wrong count', { ...good, end: { ...good.end, objects: good.end.objects + 1 } }],
      ['an object left out', { ...having(lines.slice(1)), end: { ...good.end, n: good.end.n - 1 } }],
      ['out of order', having(lines.toReversed())],
      ['one twice', having([...lines, lastLine])],
      ['a body that is no object', having(lines.with(-1, lastLine.replace(/"b":.*$/, '"b":7}')))],
      ['not JSON', having(lines.with(-1, lastLine.slice(0, -5)))],
    ]
    for (const [name, answer] of cases) {
      await assert.rejects(
        applyAnswer(slave.db, answer),
        (error) => error instanceof BadAnswer || error instanceof Diverged,
        name,
      )
      assert.deepEqual({ position: slave.db.position, rows: await content(slave.db) }, before, name)
    }
    await applyAnswer(slave.db, good)
    const arrived = await content(slave.db)
    await assert.rejects(applyAnswer(slave.db, good), BadAnswer)
    await assert.rejects(applyAnswer(slave.db, first), BadAnswer)
    assert.deepEqual(await content(slave.db), arrived)
    await slave.close()
  })

  test('reading an answer refuses what is not one', async () => {
    const text = await answerSince(master, 0)
    const [head, ...rest] = text.trimEnd().split('\n') as [string, ...string[]]
    const end = rest.pop() as string
    const cases: Record<string, string> = {
      'no head': [...rest, end, ''].join('\n'),
      'after the end': `${text}{}\n`,
      'n too small': [head, ...rest, end.replace(/"n":\d+/, '"n":1'), ''].join('\n'),
      'another upto': [head, ...rest, end.replace(/"upto":\d+/, '"upto":1'), ''].join('\n'),
      'an error page': '<html>502 Bad Gateway</html>\n',
      empty: '',
    }
    for (const [name, given] of Object.entries(cases)) await assert.rejects(read(given), BadAnswer, name)
    const invalid = Buffer.concat([
      Buffer.from(`${head}\n{"s":1,"k":"x","i":"y`),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('"}\n'),
    ])
    await assert.rejects(
      readAnswer(
        (async function* () {
          yield invalid
        })(),
      ),
      BadAnswer,
    )
  })
})
