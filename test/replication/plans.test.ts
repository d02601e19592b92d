import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Knex } from 'knex'
import { changeUser, removeUser } from '../../server/accounts/users.ts'
import { epochName } from '../../server/mode/epoch.ts'
import { readAnswer } from '../../server/replication/answer.ts'
import { applyAnswer } from '../../server/replication/apply.ts'
import { answerLines, bucketLines, judgePosition } from '../../server/replication/master.ts'
import type { Db } from '../../server/store/db.ts'
import { aUser, me } from '../support/people.ts'
import { aMasterStore, aStore } from '../support/store.ts'

type Asked = { sql: string; bindings: readonly unknown[] }

/** What is asked of both connections while `work` goes on. */
async function askedDuring(db: Db, work: () => Promise<unknown>): Promise<Asked[]> {
  const asked: Asked[] = []
  const note = ({ sql, bindings }: Asked) => void asked.push({ sql, bindings: bindings ?? [] })
  for (const handle of [db.reader, db.writer]) handle.on('query', note)
  await work()
  for (const handle of [db.reader, db.writer]) handle.removeListener('query', note)
  return asked
}

/** Tables that grow with the people. */
const large = /\b(objects|users|names|memberships|positions|audit)\b/

async function walks(db: Knex, { sql, bindings }: Asked): Promise<string[]> {
  if (!/^(select|insert|update|delete|with)/i.test(sql)) return []
  const plan: { detail: string }[] = await db.raw(`explain query plan ${sql}`, bindings as Knex.RawBinding[])
  return plan.map(({ detail }) => detail).filter((detail) => /^SCAN/.test(detail) && large.test(detail))
}

async function answerOf(lines: AsyncGenerator<string>) {
  const parts: Buffer[] = []
  for await (const part of lines) parts.push(Buffer.from(part))
  return readAnswer(
    (async function* () {
      yield* parts
    })(),
  )
}

test('no statement of a change, a delta or an apply walks through a table that grows with the people', async () => {
  const { db: master, close } = await aMasterStore()
  const { db: slave, close: closeSlave } = await aStore()
  const users: { id: string }[] = []
  for (let number = 0; number < 30; number++) users.push(await aUser(master))
  await applyAnswer(slave, await answerOf(answerLines(master, 0)))
  const since = slave.position.seq
  const { hash } = slave.position
  const onMaster = await askedDuring(master, async () => {
    await changeUser(master, me, users[0]?.id ?? '', { first: 'New', extensions: { contact: { city: 'Malmö' } } })
    await removeUser(master, me, users[1]?.id ?? '')
    await aUser(master)
    await judgePosition(master, { since, hash, epoch: epochName(master.position) })
    await answerOf(answerLines(master, since))
    await answerOf(bucketLines(master, new Set(), since))
  })
  const answer = await answerOf(answerLines(master, since))
  const onSlave = await askedDuring(slave, () => applyAnswer(slave, answer))
  assert.ok(onMaster.length > 20 && onSlave.length > 5)
  for (const [db, all] of [
    [master, onMaster],
    [slave, onSlave],
  ] as const)
    for (const asked of all) assert.deepEqual(await walks(db.reader, asked), [], asked.sql)
  await close()
  await closeSlave()
})
