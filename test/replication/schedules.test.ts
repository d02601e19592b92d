import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { addMembers } from '../../server/accounts/group-members.ts'
import { addGroup } from '../../server/accounts/groups.ts'
import { addUser, changeUser, removeUser, userByUsername } from '../../server/accounts/users.ts'
import { keepCa, readCa } from '../../server/mode/certificates.ts'
import { beginEpoch, epochName } from '../../server/mode/epoch.ts'
import { BadAnswer, readAnswer } from '../../server/replication/answer.ts'
import { applyAnswer, Diverged } from '../../server/replication/apply.ts'
import { countAll } from '../../server/replication/digest.ts'
import { answerLines, bucketLines } from '../../server/replication/master.ts'
import type { Db } from '../../server/store/db.ts'
import { wrongProjections } from '../../server/store/projection-check.ts'
import { write } from '../../server/store/write.ts'
import { me, somebody } from '../support/people.ts'
import { aMasterStore, aStore } from '../support/store.ts'

const names = ['ann', 'bob', 'cyd', 'dan', 'eve', 'fay']
const runs = Number(process.env.SCHEDULES ?? 25)

type Event =
  | { do: 'add' | 'change' | 'rename' | 'remove' | 'join' | 'burst'; who: number }
  | { do: 'ask'; since: number; what: 'delta' | 'full' | 'repair' | 'now' }
  | { do: 'deliver'; which: number; cut: number }
  | { do: 'epoch' | 'follow' }

const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({ do: fc.constantFrom('add', 'change', 'rename', 'remove', 'join', 'burst'), who: fc.nat(40) }),
  fc.record({
    do: fc.constant('ask' as const),
    since: fc.nat(1000),
    what: fc.constantFrom('delta', 'full', 'repair', 'now', 'now'),
  }),
  // A cut of 0 delivers it whole.
  fc.record({
    do: fc.constant('deliver' as const),
    which: fc.nat(1000),
    cut: fc.constantFrom(0, 0, 0, 0.3, 0.9, 0.999),
  }),
  fc.record({ do: fc.constantFrom('epoch', 'follow', 'follow', 'follow') }),
)

const filler = (at: number, who: number) => ({ kind: 'tomorrow', id: `7f-${at}`, body: `{"who":${who}}` })

async function textOf(lines: AsyncGenerator<string>): Promise<string> {
  let text = ''
  for await (const part of lines) text += part
  return text
}

async function* bytesOf(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text)
}

describe('answers in any order, at any time, whole or torn', () => {
  let master: Db
  let closeMaster: () => Promise<void>
  let group: string
  /** Every state that the master ever had: `epoch/seq` -> hash. */
  const states = new Map<string, string>()
  const remember = () => states.set(`${epochName(master.position)}/${master.position.seq}`, master.position.hash)
  before(async () => {
    ;({ db: master, close: closeMaster } = await aMasterStore())
    group = (await addGroup(master, me, { name: 'crew', description: '' })).id
    remember()
  })
  after(() => closeMaster())

  async function act({ do: what, who }: { do: string; who: number }): Promise<void> {
    const name = names[who % names.length] as string
    const acts: Record<string, () => Promise<unknown>> = {
      add: () => addUser(master, me, somebody({ username: name })),
      change: async () => changeUser(master, me, (await userByUsername(master, name)).id, { first: `Name ${who}` }),
      rename: async () =>
        changeUser(master, me, (await userByUsername(master, name)).id, {
          username: names[(who * 5 + 1) % names.length],
        }),
      remove: async () => removeUser(master, me, (await userByUsername(master, name)).id),
      join: async () => addMembers(master, me, group, { usernames: [name] }),
      // More than one slice of an answer.
      burst: () => write(master, me, (change) => change.move(Array.from({ length: 260 }, (_, at) => filler(at, who)))),
    }
    await acts[what]?.().catch(() => {})
  }

  test('I1, I2, I3, I4, I7: after each of them a slave stands where the master once stood, and never goes back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 10, maxLength: 50 }), async (events) => {
        const { db: slave, close } = await aStore()
        keepCa(slave.dir, readCa(master.dir) ?? '')
        const asked: string[] = []
        for (const each of events) {
          if (each.do === 'ask') {
            const since =
              each.what === 'now'
                ? slave.position.seq
                : each.what === 'full'
                  ? 0
                  : each.since % (master.position.seq + 1)
            const buckets = new Set(
              Array.from({ length: 256 }, (_, bucket) => bucket).filter((b) => b % 3 === since % 3),
            )
            asked.push(
              await textOf(each.what === 'repair' ? bucketLines(master, buckets, since) : answerLines(master, since)),
            )
          } else if (each.do === 'deliver' && asked.length > 0) {
            const whole = asked[each.which % asked.length] as string
            const text = each.cut ? whole.slice(0, Math.floor(whole.length * each.cut)) : whole
            const was = slave.position
            try {
              const answer = await readAnswer(bytesOf(text))
              const since = answer.head.since
              const buckets = new Set(
                Array.from({ length: 256 }, (_, bucket) => bucket).filter((b) => b % 3 === since % 3),
              )
              await applyAnswer(slave, answer, answer.head.mode === 'repair' ? buckets : undefined)
            } catch (error) {
              assert.ok(error instanceof BadAnswer || error instanceof Diverged, String(error))
              assert.deepEqual(slave.position, was, 'what is refused changes nothing')
            }
            const { epochNo, seq, hash } = slave.position
            if (seq > 0) assert.equal(states.get(`${epochName(slave.position)}/${seq}`), hash, 'a state of the master')
            assert.ok(epochNo > was.epochNo || (epochNo === was.epochNo && seq >= was.seq), 'it never goes back')
          } else if (each.do === 'follow') {
            const text = await textOf(answerLines(master, slave.position.seq))
            // Of what it holds beyond another epoch's begin, a delta does not lead on.
            await applyAnswer(slave, await readAnswer(bytesOf(text))).catch((error) =>
              assert.ok(error instanceof Diverged),
            )
          } else if (each.do === 'epoch') {
            await beginEpoch(master, me)
            remember()
          } else if ('who' in each) {
            await act(each)
            remember()
          }
        }
        const counted = await countAll(slave.reader)
        assert.equal(counted.hash, slave.position.hash, 'I33: the running hash is the hash of what is kept')
        assert.equal(counted.objects, slave.position.objects)
        assert.deepEqual(await wrongProjections(slave.reader), [], 'the tables hold what the feed says')
        // I12: whatever has happened, one full answer ends it.
        await applyAnswer(slave, await readAnswer(bytesOf(await textOf(answerLines(master, 0)))))
        assert.equal(slave.position.hash, master.position.hash)
        await close()
      }),
      { numRuns: runs },
    )
  })

  test('I8: an epoch that the cluster’s key has not signed is refused', async () => {
    const { db: slave, close } = await aStore()
    keepCa(slave.dir, readCa(master.dir) ?? '')
    await applyAnswer(slave, await readAnswer(bytesOf(await textOf(answerLines(master, 0)))))
    const was = slave.position
    const { epochNo } = was
    const text = await textOf(answerLines(master, was.seq))
    const forged = {
      'a number of its own': text.replace(/"epoch":"[^"]*"/, `"epoch":"${epochNo + 1}.${'0'.repeat(8)}"`),
      'the same number': text.replace(/"epoch":"[^"]*"/, `"epoch":"${epochNo}.${'0'.repeat(8)}"`),
      'no number': text.replace(/"epoch":"[^"]*"/, '"epoch":"x"'),
    }
    for (const [what, answer] of Object.entries(forged)) {
      await assert.rejects(async () => applyAnswer(slave, await readAnswer(bytesOf(answer))), BadAnswer, what)
      assert.deepEqual(slave.position, was)
    }
    await close()
  })

  test('I8: an answer of another cluster is refused, even where the numbers fit', async () => {
    const { db: other, close } = await aMasterStore()
    const { db: slave, close: closeSlave } = await aStore()
    await applyAnswer(slave, await readAnswer(bytesOf(await textOf(answerLines(master, 0)))))
    const was = slave.position
    while (other.position.seq <= was.seq) await addUser(other, me, somebody())
    for (const since of [0, was.seq]) {
      const answer = await readAnswer(bytesOf(await textOf(answerLines(other, since))))
      await assert.rejects(applyAnswer(slave, answer), BadAnswer)
      assert.deepEqual(slave.position, was)
    }
    await close()
    await closeSlave()
  })
})
