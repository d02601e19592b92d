import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  atEnd,
  integerTlv,
  peekTag,
  readBoolean,
  readConstructed,
  readerOf,
  readInteger,
  readOctets,
  readText,
  tlv,
} from '../../server/ldap/wire/ber.ts'
import { createFramer } from '../../server/ldap/wire/framer.ts'
import { type Client, controls, message, readEntry, type SearchGiven, searchRequest } from './client.ts'

// A consumer of RFC 4533 as the RFC has it: what it was told is all that it knows.

const oid = '1.3.6.1.4.1.4203.1.9.1'

type Kept = { dn: string; attributes: Record<string, string[]> }

export type Copy = {
  /** Asks for what has changed, once; the code of the answer. */
  refresh: (client: Client) => Promise<number>
  /** Asks for that, and for whatever changes from then on. */
  stay: (client: Client) => Promise<void>
  size: () => number
  /** Ids of all entries of which anything was ever told. */
  told: ReadonlySet<string>
  mustBe: (client: Client, what: string) => Promise<void>
  mustSoonBe: (client: Client, what: string) => Promise<void>
}

/**
 * They follow from other entries, and do not make this one another: the cookie is for the first. A node that was started anew
 * may take an entry for changed a little later than it was; then it is told once more.
 */
const passing = new Set(['contextCSN', 'hasSubordinates', 'entryCSN'])

let nextId = 1

export function copyOf(given: SearchGiven): Copy {
  const kept = new Map<string, Kept>()
  const told = new Set<string>()
  let cookie: Buffer | undefined

  const request = (mode: number): Buffer =>
    controls([`${oid}.1`, true, tlv(0x30, integerTlv(mode, 0x0a), ...(cookie ? [tlv(0x04, cookie)] : []))])

  const take = (found: Buffer | undefined): void => {
    if (found) cookie = Buffer.from(found)
  }

  /** Listens to one search on a connection; `refreshed` with its code, or with 0 once changes begin. */
  function listen(client: Client, id: number, refreshed: (code: number) => void): void {
    let present = new Set<string>()
    let isRefreshing = true

    const endRefresh = (isDelta: boolean): void => {
      if (!isDelta) for (const uuid of [...kept.keys()]) if (!present.has(uuid)) kept.delete(uuid)
      present = new Set()
      isRefreshing = false
    }

    const framer = createFramer(
      () => 1 << 28,
      (bytes) => {
        const reader = readConstructed(readerOf(bytes), 0x30)
        if (readInteger(reader) !== id) return
        const tag = bytes[reader.at]!
        const body = readConstructed(reader, tag)
        if (tag === 0x64) {
          const entry = readEntry(body)
          const value = controlValue(reader, `${oid}.2`)!
          const state = readConstructed(readerOf(value), 0x30)
          const kind = readInteger(state, 0x0a)
          const uuid = readOctets(state).toString('hex')
          if (!atEnd(state)) take(readOctets(state))
          told.add(uuid)
          if (kind === 3) kept.delete(uuid)
          else if (kind !== 0) kept.set(uuid, entry)
          if (isRefreshing) present.add(uuid)
        } else if (tag === 0x79) {
          assert.equal(readText(body, 0x80), `${oid}.4`)
          const info = readerOf(readOctets(body, 0x81))
          const choice = peekTag(info)
          const fields = readConstructed(info, choice)
          if (choice === 0xa3) {
            if (peekTag(fields) === 0x04) take(readOctets(fields))
            const areGone = peekTag(fields) === 0x01 ? readBoolean(fields) : false
            const set = readConstructed(fields, 0x31)
            while (!atEnd(set)) {
              const uuid = readOctets(set).toString('hex')
              told.add(uuid)
              if (areGone) kept.delete(uuid)
              else present.add(uuid)
            }
          } else {
            if (peekTag(fields) === 0x04) take(readOctets(fields))
            endRefresh(choice === 0xa1)
            refreshed(0)
          }
        } else if (tag === 0x65) {
          const code = readInteger(body, 0x0a)
          const value = controlValue(reader, `${oid}.3`)
          if (value) {
            const done = readConstructed(readerOf(value), 0x30)
            if (peekTag(done) === 0x04) take(readOctets(done))
            endRefresh(atEnd(done) ? false : readBoolean(done))
          }
          stop()
          refreshed(code)
        }
      },
    )
    const onData = (chunk: Buffer): void => framer.push(chunk)
    const stop = () => client.socket.removeListener('data', onData)
    client.socket.on('data', onData)
  }

  function ask(client: Client, mode: number): Promise<number> {
    const id = nextId++
    return new Promise((resolve) => {
      listen(client, id, resolve)
      client.send(message(id, searchRequest(given), request(mode)))
    })
  }

  const difference = async (client: Client): Promise<[unknown, unknown]> => {
    const { entries } = await client.search(given)
    const shape = (list: Iterable<Kept>) =>
      [...list]
        .map(({ dn, attributes }) => [
          dn,
          Object.entries(attributes)
            .filter(([name]) => !passing.has(name))
            .map(([name, values]) => [name, [...values].sort()])
            .sort(),
        ])
        .sort()
    return [shape(kept.values()), shape(entries)]
  }

  return {
    refresh: (client) => ask(client, 1),
    size: () => kept.size,
    told,
    async stay(client) {
      assert.equal(await ask(client, 3), 0)
    },
    async mustBe(client, what) {
      const [mine, theirs] = await difference(client)
      assert.deepEqual(mine, theirs, what)
    },
    async mustSoonBe(client, what) {
      for (let tries = 0; tries < 50; tries++) {
        const [mine, theirs] = await difference(client)
        if (JSON.stringify(mine) === JSON.stringify(theirs)) return
        await sleep(10)
      }
      const [mine, theirs] = await difference(client)
      assert.deepEqual(mine, theirs, what)
    },
  }
}

function controlValue(reader: ReturnType<typeof readerOf>, wanted: string): Buffer | undefined {
  if (atEnd(reader)) return undefined
  const list = readConstructed(reader, 0xa0)
  while (!atEnd(list)) {
    const control = readConstructed(list, 0x30)
    const name = readText(control)
    if (peekTag(control) === 0x01) readBoolean(control)
    const value = atEnd(control) ? Buffer.alloc(0) : readOctets(control)
    if (name === wanted) return value
  }
  return undefined
}
