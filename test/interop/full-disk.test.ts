import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { command, endProcess, ldapSignIn, type NodeProcess, run, startProcess } from '../support/process.ts'
import { aFolder } from '../support/store.ts'
import { signedIn, textOf } from '../support/web.ts'

const password = 'quiet-copper-kettle-7'

/** Every byte that is left. */
function fill(file: string): void {
  const to = openSync(file, 'a')
  try {
    for (const size of [4096, 1]) {
      const bytes = Buffer.alloc(size)
      try {
        for (;;) writeSync(to, bytes)
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
      }
    }
  } finally {
    closeSync(to)
  }
}

describe('a node whose disk is full', () => {
  const disk = aFolder('disk')
  const dir = `${disk}/node`
  const filler = `${disk}/filler`
  let node: NodeProcess
  before(async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk])
    await command(dir, ['setup', '--mode', 'standalone', '--domain', 'example.lan', '--admin', 'admin'], password)
    node = await startProcess(dir)
    await command(dir, ['user', 'add', 'anna', '--first', 'Anna', '--last', 'Ek'], password)
  })
  after(async () => {
    if (node) await endProcess(node)
    execFileSync('umount', ['-l', disk])
    rmSync(disk, { recursive: true, force: true })
  })

  for (const signal of ['SIGKILL', 'SIGTERM'] as const)
    it(`serves again after ${signal}, refuses a change in words, and goes on once there is room`, async () => {
      fill(filler)
      await endProcess(node, signal)
      fill(filler)
      node = await startProcess(dir)
      fill(filler)
      assert.equal(await ldapSignIn(node.ports.ldap, 'anna', password), true)
      const refused = await run(dir, ['user', 'lock', 'anna'])
      assert.equal(refused.code, 1)
      assert.match(refused.stderr, /The disk of this node is full, so nothing was changed/)
      const admin = await signedIn(`http://127.0.0.1:${node.ports.web}`, 'admin', password)
      assert.match(
        textOf((await admin.get('/')).text),
        /The disk of this node is full .*Sign-ins go on; changes are refused/,
      )
      rmSync(filler)
      await command(dir, ['user', 'lock', 'anna'])
      await command(dir, ['user', 'unlock', 'anna'])
    })
})
