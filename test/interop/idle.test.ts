import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { connectTo, message, searchRequest } from '../ldap/client.ts'
import { base, users } from '../ldap/sample.ts'
import { endProcess, type NodeProcess, startProcess } from '../support/process.ts'
import { aFilledFolder, type Filled } from './filled.ts'

const program = fileURLToPath(new URL('./idle-clients.ts', import.meta.url))
// Node takes as many open files as it may have; a machine may allow fewer than this test wants.
const allowed = execFileSync('bash', ['-c', 'ulimit -Hn']).toString().trim()
const wanted = Math.min(10_000, allowed === 'unlimited' ? 10_000 : Number(allowed) - 500)

const memoryMb = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024

describe(`${wanted} idle connections, and one that asks for everything and never reads`, () => {
  let filled: Filled
  let node: NodeProcess
  before(async () => {
    filled = await aFilledFolder(500)
    node = await startProcess(filled.dir, undefined, { flags: ['--ldap-max-connections', String(wanted + 100)] })
  })
  after(async () => {
    if (node) await endProcess(node)
    rmSync(filled.dir, { recursive: true, force: true })
  })

  it('leave everybody else undisturbed', async () => {
    const { dn, password } = filled.reader
    const before = memoryMb(node.child.pid!)
    const idle = spawn(process.execPath, ['--import', 'tsx', program, String(node.ports.ldap), String(wanted)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const told = async (): Promise<string> => String((await once(idle.stdout, 'data'))[0]).trim()
    assert.equal(await told(), 'open')

    const deaf = connectTo(node.ports.ldap)
    await deaf.bind(dn, password)
    deaf.socket.pause()
    for (let i = 0; i < 2000; i++) deaf.send(message(100 + i, searchRequest({ base, attributes: ['*', '+'] })))

    const took: number[] = []
    for (let i = 0; i < 300; i++) {
      const started = performance.now()
      const c = connectTo(node.ports.ldap)
      assert.equal(await c.bind(dn, password), 0)
      assert.equal((await c.search({ base: users, filter: `(uid=person${i})` })).entries.length, 1)
      c.end()
      took.push(performance.now() - started)
    }
    const worst = took.sort((a, b) => a - b)[Math.floor(took.length * 0.99)]!
    assert.ok(worst < 1000, `of a hundred, one took ${Math.round(worst)} ms`)
    const more = memoryMb(node.child.pid!) - before
    assert.ok(more < 400, `${Math.round(more)} MB more`)

    idle.stdin.write('?')
    assert.equal(await told(), '0', 'none of the idle ones was closed')
    const extra = await Promise.all(
      Array.from({ length: 150 }, () => connectTo(node.ports.ldap).search({ base: '', scope: 'base' })),
    )
    assert.ok(extra.filter(({ code }) => code === 0).length <= 100, 'no more than allowed')
    idle.stdin.end()
    deaf.end()
    await once(idle, 'exit')
    assert.equal(node.child.exitCode, null, 'the node lives')
  })
})
