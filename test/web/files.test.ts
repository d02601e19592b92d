import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { aSet, dirOn, holds, placeOn, put } from '../support/files.ts'
import { startMaster, startSlave, type TestNode, until } from '../support/node.ts'
import { aUser, password } from '../support/people.ts'
import { type Browser, signedIn, textOf } from '../support/web.ts'

let master: TestNode
let slave: TestNode
let admin: Browser

const pagesOf = (node: TestNode) => `http://127.0.0.1:${node.ports().web}`

before(async () => {
  master = await startMaster()
  slave = await startSlave(master)
  admin = await signedIn(pagesOf(master))
})
after(async () => {
  await slave?.close()
  await master?.close()
})

test('the page says what a set is while there is none', async () => {
  assert.match(textOf((await admin.get('/files')).text), /No file sets yet/)
})

test('a set is added, placed, and watched until it is on the slave', async () => {
  const added = await admin.post('/files/new', { name: 'scripts', kind: 'netlogon', include: '', exclude: '*.tmp' })
  assert.deepEqual([added.status, added.headers.location], [303, '/files/scripts'])
  const odd = await admin.post('/files/scripts/place', { dir: '/etc', edits: 'restore', afterwards: 'nothing' })
  assert.equal(odd.status, 422)
  assert.match(textOf(odd.text), /\/etc is not below a directory that is allowed here/)
  const dir = dirOn(master, 'scripts')
  assert.equal((await admin.post('/files/scripts/place', { dir, edits: 'restore', afterwards: 'nothing' })).status, 303)
  put(dir, 'logon.bat', 'net use h:\r\n')
  put(dir, 'draft.tmp', 'no')
  await until(async () => /logon\.bat/.test((await admin.get('/files/scripts')).text))
  assert.ok(!(await admin.get('/files/scripts')).text.includes('draft.tmp'))
  await until(async () => /gw-malmo .*No directory/.test(textOf((await admin.get('/files/scripts')).text)))
  await placeOn(slave, 'scripts')
  await holds(dirOn(slave, 'scripts'), { 'logon.bat': 'net use h:\r\n' })
  await until(async () =>
    /gw-malmo said today .* Up to date/.test(textOf((await admin.part('/files/scripts?live=1')).text)),
  )
  assert.match(textOf((await admin.get('/files')).text), /scripts Logon scripts for Windows Up to date .*1 of 1/)
})

test('what is wrong is said beside its field, and what was typed is kept', async () => {
  const answer = await admin.post('/files/new', {
    name: 'no name!',
    kind: 'custom',
    include: '/etc/*',
    devices: 'nobody',
  })
  assert.equal(answer.status, 422)
  const text = textOf(answer.text)
  assert.match(text, /A name has 1 to 63 letters/)
  assert.match(text, /must stay below the directory/)
  assert.match(text, /There is no device “nobody”/)
  assert.match(answer.text, /value="no name!"/)
  const taken = await admin.post('/files/new', { name: 'scripts', kind: 'custom' })
  assert.match(textOf(taken.text), /already exists/)
})

test('two people who change one set do not undo each other', async () => {
  const page = (await admin.get('/files/scripts')).text
  const seq = /name="seq" value="(\d+)"/.exec(page)?.[1] ?? ''
  assert.equal((await admin.post('/files/scripts', { seq, include: '', exclude: '*.tmp\n*.bak' })).status, 303)
  const late = await admin.post('/files/scripts', { seq, include: '*.bat', exclude: '' })
  assert.equal(late.status, 422)
  assert.match(textOf(late.text), /someone else changed file set scripts first/)
})

test('versions are compared and restored', async () => {
  put(dirOn(master, 'scripts'), 'logon.bat', 'net use g:\r\n')
  const page = '/files/scripts/file?path=logon.bat'
  await until(async () => /From version 1 to 2/.test(textOf((await admin.get(page)).text)))
  assert.match(textOf((await admin.get(page)).text), /Removed: − net use h: Added: \+ net use g:/)
  const back = await admin.post('/files/scripts/file/restore', { path: 'logon.bat', version: '1' })
  assert.equal(back.status, 303)
  await holds(dirOn(slave, 'scripts'), { 'logon.bat': 'net use h:\r\n' })
  const none = await admin.post('/files/scripts/file/restore', { path: 'logon.bat', version: '77' })
  assert.deepEqual([none.status, /Version 77/.test(textOf(none.text))], [422, true])
  assert.match(textOf((await admin.get('/audit')).text), /Restored version 1 of logon.bat in scripts/)
})

test('a slave says where its own copy lies, and changes nothing else', async () => {
  const there = await signedIn(pagesOf(slave))
  const text = textOf((await there.get('/files/scripts')).text)
  assert.match(text, /This node is a slave/)
  assert.match(text, /Where it is written/)
  assert.ok((await there.post('/files/new', { name: 'x', kind: 'custom' })).status >= 400)
  const dir = dirOn(slave, 'moved')
  assert.equal((await there.post('/files/scripts/place', { dir, edits: 'report', afterwards: 'nothing' })).status, 303)
  await holds(dir, { 'logon.bat': 'net use h:\r\n' })
  assert.equal((await there.get('/files/scripts/file?path=logon.bat')).status, 200)
})

test('an auditor sees files and changes none; the help desk does not see them', async () => {
  await aUser(master.db, { username: 'audrey', role: 'auditor', password })
  await aUser(master.db, { username: 'helen', role: 'helpdesk', password })
  const auditor = await signedIn(pagesOf(master), 'audrey')
  assert.equal((await auditor.get('/files/scripts')).status, 200)
  for (const path of ['/files/new', '/files/scripts/place', '/files/scripts/remove', '/files/scripts/file/restore'])
    assert.equal((await auditor.post(path, { name: 'y' })).status, 403)
  assert.equal((await (await signedIn(pagesOf(master), 'helen')).get('/files')).status, 403)
})

test('a set is removed after it was asked', async () => {
  await aSet(master, 'gone')
  assert.match(textOf((await admin.get('/files/gone/remove')).text), /Remove file set gone\?/)
  assert.equal((await admin.post('/files/gone/remove')).status, 303)
  assert.equal((await admin.get('/files/gone')).status, 404)
})
