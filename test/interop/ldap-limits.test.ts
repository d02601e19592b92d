import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { integerTlv, tlv } from '../../server/ldap/wire/ber.ts'
import { type Client, connectTo, controls, message, searchRequest } from '../ldap/client.ts'
import { pageControl, pageCookie } from '../ldap/list-controls.ts'
import { base, users } from '../ldap/sample.ts'
import { until } from '../support/node.ts'
import { password } from '../support/people.ts'
import { endProcess, type NodeProcess, run, startProcess } from '../support/process.ts'
import { aFilledFolder, type Filled } from './filled.ts'

// Each setting of docs/ldap-limits.md, given to `serve`, limits what it says.

const persist = controls(['1.3.6.1.4.1.4203.1.9.1.1', true, tlv(0x30, integerTlv(3, 0x0a))])
const startTls = message(1, tlv(0x77, tlv(0x80, '1.3.6.1.4.1.1466.20037')))
const people = 300

describe('what one LDAP client may take is set by whoever runs the node', () => {
  let filled: Filled
  let node: NodeProcess
  const clients: Client[] = []

  before(async () => {
    filled = await aFilledFolder(people)
    const flags = {
      'ldap-listen': '0.0.0.0',
      'ldap-max-connections': 40,
      'ldap-max-per-address': 3,
      'ldap-max-message-kb': 512,
      'ldap-max-filter-parts': 10_000,
      'ldap-max-filter-depth': 3,
      'ldap-max-seconds': 1,
      'ldap-max-syncs': 2,
      'ldap-max-kept-entries': 1000,
      'ldap-idle-seconds': 10,
      'ldap-handshake-seconds': 1,
      'ldap-message-seconds': 2,
      'ldap-stalled-seconds': 2,
      'ldap-unread-kb': 64,
    }
    node = await startProcess(filled.dir, undefined, {
      flags: Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]),
      env: { ACCOUNT_SYNC_LDAP_MAX_ENTRIES: '250' },
    })
  })
  after(async () => {
    if (node) await endProcess(node)
    rmSync(filled.dir, { recursive: true, force: true })
  })

  const anonymous = (): Client => {
    const client = connectTo(node.ports.ldap)
    clients.push(client)
    return client
  }
  const reader = async (): Promise<Client> => {
    const client = anonymous()
    assert.equal(await client.bind(filled.reader.dn, filled.reader.password), 0)
    return client
  }
  /** Each part is asked of each entry, and none of them is so. */
  const slow = `(|${Array.from({ length: 9900 }, (_, i) => `(modifyTimestamp>=20900101${String(i).padStart(6, '0')}Z)`).join('')})`

  it('a setting that cannot be is a matter of usage', async () => {
    for (const flag of [
      '--ldap-max-entries=x',
      '--ldap-max-filter-depth=99',
      '--ldap-idle-seconds=0',
      '--ldap-max-message-kb=1',
    ]) {
      const { code, stderr } = await run(filled.dir, ['serve', flag])
      assert.equal(code, 2)
      assert.match(stderr, new RegExp(flag.slice(2).split('=')[0]!))
    }
  })

  it('entries of an answer, also in pages', async () => {
    const c = await reader()
    const all = await c.search({ base: users, attributes: ['1.1'] })
    assert.deepEqual([all.code, all.entries.length], [4, 250])
    const few = await c.search({ base: users, attributes: ['1.1'], sizeLimit: 7 })
    assert.deepEqual([few.code, few.entries.length], [4, 7])
    c.end()
  })

  it('parts of a filter, how deep they stand, and the time of a search', async () => {
    const c = await reader()
    assert.equal((await c.search({ base, filter: '(!(!(!(uid=x))))' })).code, 11)
    assert.equal((await c.search({ base, filter: '(!(!(uid=x)))', attributes: ['1.1'], scope: 'base' })).code, 0)
    const wide = `(|${'(uid=a)'.repeat(10_000)})`
    assert.match((await c.search({ base, filter: wide })).message, /more than 10000 parts/)
    assert.equal((await c.search({ base, filter: slow, attributes: ['1.1'] })).code, 3)
    c.end()
  })

  it('bytes of a message', async () => {
    for (const [client, kb] of [
      [await reader(), 512],
      [anonymous(), 256],
    ] as const) {
      client.send(message(9, tlv(0x6e, tlv(0x04, 'x'.repeat(kb * 1024)), tlv(0x30, tlv(0x04, 'cn'), tlv(0x04, 'x')))))
      assert.match((await client.closed) ?? '', new RegExp(`^2 .*${kb * 1024} are allowed`))
    }
  })

  it('searches that stay open, and pages that are kept', async () => {
    const c = await reader()
    for (let i = 0; i < 2; i++) c.send(message(50 + i, searchRequest({ base, filter: '(uid=person1)' }), persist))
    await sleep(200)
    assert.equal((await c.request(searchRequest({ base }), persist)).code, 51)
    const page = (cookie?: Buffer) =>
      c.search({ base: users, attributes: ['1.1'], controls: controls(pageControl(3, cookie)) })
    const first = pageCookie(await page())
    for (let i = 0; i < 4; i++) await page()
    assert.equal((await page(first)).code, 53)
    c.end()
  })

  it('unread output: who does not read is dropped', async () => {
    const c = await reader()
    c.socket.pause()
    for (let i = 0; i < 400; i++) c.send(message(100 + i, searchRequest({ base: users })))
    let isGone = false
    c.socket.once('close', () => {
      isGone = true
    })
    // Only writing tells whose peer is gone to one who does not read.
    await until(() => {
      if (c.socket.writable) c.send(message(1000, tlv(0x50, Buffer.of(1))))
      return isGone || !c.socket.writable
    }, 20_000)
    c.end()
  })

  it('seconds of a handshake, of a message, of silence', async () => {
    const tls = connect(node.ports.ldaps, '127.0.0.1')
    const upgraded = connect(node.ports.ldap, '127.0.0.1')
    upgraded.write(startTls)
    const half = anonymous()
    half.send(Buffer.of(0x30, 0x0c, 0x02))
    const silent = await reader()
    const gone = [tls, upgraded].map(
      (socket) =>
        new Promise((resolve) =>
          socket
            .on('error', () => {})
            .resume()
            .once('close', resolve),
        ),
    )
    await Promise.all(gone)
    assert.match((await half.closed) ?? '', /^52 .*not completed/)
    assert.match((await silent.closed) ?? '', /^52 .*silence/)
  })

  it('connections from one address that is not this machine’s own, and in all', async () => {
    const addresses = Object.values(networkInterfaces())
      .flatMap((each) => each ?? [])
      .filter(({ family, internal }) => family === 'IPv4' && !internal)
    for (const { address } of addresses.slice(0, 1)) {
      const from = Array.from({ length: 5 }, () => connectTo(0, connect(node.ports.ldap, address)))
      // In the clear nothing but the root DSE is to be had from afar.
      const answers = await Promise.all(from.map((client) => client.search({ base: '', scope: 'base' })))
      assert.equal(answers.filter(({ code }) => code === 0).length, 3)
      for (const client of from) client.end()
    }
    await until(async () => (await anonymous().search({ base: '', scope: 'base' })).code === 0)
    for (const client of clients) client.end()
    await sleep(100)
    const many = Array.from({ length: 45 }, anonymous)
    const answers = await Promise.all(many.map((client) => client.search({ base: '', scope: 'base' })))
    assert.equal(answers.filter(({ code }) => code === 0).length, 40)
    for (const client of many) client.end()
  })

  it('people and administrators go on as before', async () => {
    await until(async () => {
      const c = anonymous()
      const code = await c.bind(`uid=admin,${users}`, password)
      c.end()
      return code === 0
    })
  })
})
