import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { inviteUser } from '../../server/accounts/invitations.ts'
import { changeOwnExtension, ownExtension } from '../../server/accounts/own-extensions.ts'
import { setStatus } from '../../server/accounts/user-status.ts'
import { userByUsername } from '../../server/accounts/users.ts'
import { auditPage } from '../../server/audit/audit.ts'
import { changeAllowed } from '../../server/filesync/places.ts'
import { addFileSet } from '../../server/filesync/sets.ts'
import { toldStates } from '../../server/filesync/states.ts'
import { makeJoinCode } from '../../server/mode/join-codes.ts'
import { latestReceipts } from '../../server/replication/receipts.ts'
import { aSet, dirOn, holds, placeOn, put } from '../support/files.ts'
import { caughtUp, startMaster, startSlave, type TestNode, until } from '../support/node.ts'
import { anOrganisation, type Organisation } from '../support/organisation.ts'
import { me, password } from '../support/people.ts'
import { aWindowsDomain } from '../support/windows-domain.ts'
import { findings, flaws, launch, moves, openPage, phone, sideways, signIn, tooSmall, watchMoves } from './chromium.ts'
import { take } from './pictures.ts'

let browser: Browser
let master: TestNode
let slave: TestNode
let behind: TestNode[] = []
let made: Organisation
let paths: { name: string; path: string; onSlave?: true | 'only' }[] = []

const urlOf = (node: TestNode): string => `http://127.0.0.1:${node.ports().web}`

before(async () => {
  browser = await launch()
  master = await startMaster()
  made = await anOrganisation(master.db)
  await fewerScreens()
  await aWindowsDomain(master.db)
  slave = await startSlave(master)
  await caughtUp(slave, master)
  await filesOnBoth()
  await filesBehind()
  paths = await everyPath()
})
after(async () => {
  await browser?.close()
  for (const node of [slave, ...behind]) await node?.close()
  await master?.close()
})

/** Rules that become stricter, so that somebody has a value that does not fit. */
async function fewerScreens(): Promise<void> {
  const { own } = await ownExtension(master.db, made.extension)
  const fields = own.fields.map((field) => (field.name === 'screens' ? { ...field, most: 1 } : field))
  await changeOwnExtension(master.db, me, made.extension, { ...own, fields })
}

/** A set with two versions of a script, on the slave too. */
async function filesOnBoth(): Promise<void> {
  await addFileSet(master.db, me, { name: 'certificates', kind: 'certificates', services: ['ldap', 'imap'] })
  await aSet(master, 'netlogon', { kind: 'netlogon' })
  await placeOn(slave, 'netlogon')
  for (const content of ['@echo off\r\nnet use h:\r\n', '@echo off\r\nnet use g:\r\n']) {
    put(dirOn(master, 'netlogon'), 'logon.bat', content)
    await holds(dirOn(slave, 'netlogon'), { 'logon.bat': content })
  }
}

/** Two more slaves that do not have the set: one has a thin line, on the other a folder is in the way. */
async function filesBehind(): Promise<void> {
  const [thin, blocked] = [await startSlave(master, 'gw-lund'), await startSlave(master, 'gw-lagos')]
  behind = [thin, blocked]
  await changeAllowed(thin.db, me, { kilobytesPerSecond: 10 })
  put(dirOn(blocked, 'netlogon'), 'logon.bat/note.txt', 'Mine')
  for (const node of behind) await placeOn(node, 'netlogon')
  put(dirOn(master, 'netlogon'), 'wallpaper/harbour.jpg', randomBytes(4_000_000))
  await aSet(master, 'proxy', { exclude: ['*.tmp'] })
  put(dirOn(master, 'proxy'), 'allowed-sites.conf', 'example.lan\n')
  await placeOn(slave, 'proxy')
  await until(() => existsSync(join(dirOn(slave, 'netlogon'), 'wallpaper/harbour.jpg')), 20_000)
  const toldOf = ({ db }: TestNode) => toldStates(master.db).get(db.local.deviceId)?.sets ?? []
  await until(() => toldOf(thin).some(({ done }) => done > 0), 20_000)
  await until(() => toldOf(blocked).some(({ state }) => state === 'trouble'), 20_000)
  await until(() => toldOf(slave).filter(({ state }) => state === 'equal').length === 3, 20_000)
}

/** Every page that an administrator can come to; those with a name get a picture. */
async function everyPath(): Promise<typeof paths> {
  const { rows } = await auditPage(master.db, { size: 1000 })
  const edit = rows.find((row) => row.undoable && row.sentence.startsWith('Changed'))
  const batch = rows.find((row) => row.batch)?.batch
  const [device] = await master.db.reader('devices').select('device_id')
  await makeJoinCode(master.db, me, 'gw-waiting')
  const other = await userByUsername(master.db, 'gek')
  await setStatus(master.db, me, other.id, 'locked')
  const [receipt] = await latestReceipts(master.db)
  await setStatus(master.db, me, other.id, 'enabled')
  return [
    { name: 'home', path: '/', onSlave: true },
    { name: 'users', path: '/users', onSlave: true },
    { name: 'users-nothing-found', path: '/users?search=frejja' },
    { name: 'users-add', path: '/users/new' },
    { name: 'users-add-profile', path: `/users/new?profile=${made.profile}` },
    { name: 'user', path: `/users/${made.person}`, onSlave: true },
    { name: 'user-password', path: `/users/${made.person}/password` },
    { name: 'user-remove', path: `/users/${made.person}/remove` },
    { name: 'groups', path: '/groups', onSlave: true },
    { name: 'groups-add', path: '/groups/new' },
    { name: 'group', path: `/groups/${made.group}`, onSlave: true },
    { name: 'group-members', path: '/groups/site_malmo?add=olivia' },
    { name: 'group-everyone', path: `/groups/${made.group}?view=all` },
    { name: 'group-inside', path: '/groups/site_malmo/inside' },
    { name: 'groups-nothing-found', path: '/groups?search=nothing-like-it' },
    { name: 'group-built-in', path: '/groups/allusers' },
    { name: 'group-windows', path: '/groups/domain_admins' },
    { name: 'group-remove', path: `/groups/${made.group}/remove` },
    { name: 'my-groups', path: '/my-groups' },
    { name: 'profiles', path: '/profiles', onSlave: true },
    { name: 'profiles-add', path: '/profiles/new' },
    { name: 'profile', path: `/profiles/${made.profile}` },
    { name: 'profile-remove', path: `/profiles/${made.profile}/remove` },
    { name: 'bin', path: '/bin', onSlave: true },
    { name: 'bin-restore', path: `/bin/${made.removed}/restore` },
    { name: 'bin-remove', path: `/bin/${made.removed}/remove` },
    { name: 'extensions', path: '/extensions', onSlave: true },
    { name: 'extensions-add', path: '/extensions/new' },
    { name: 'extension', path: '/extensions/contact', onSlave: true },
    { name: 'extension-own', path: `/extensions/${made.extension}` },
    { name: 'extension-own-change', path: `/extensions/${made.extension}/edit` },
    { name: 'extension-misfits', path: `/extensions/${made.extension}/misfits`, onSlave: true },
    { name: 'extension-remove', path: `/extensions/${made.extension}/remove` },
    { name: 'plugins', path: '/plugins', onSlave: true },
    { name: 'plugins-add', path: '/plugins/new' },
    { name: 'plugin', path: `/plugins/ftp?who=${made.person}`, onSlave: true },
    { name: 'plugin-who', path: '/plugins/ftp?group=site_malmo&search=e&who=nystr%C3%B6m', onSlave: true },
    { name: 'plugin-own-change', path: `/plugins/${made.plugin}/edit` },
    { name: 'plugin-remove', path: `/plugins/${made.plugin}/remove` },
    { name: 'password-policy', path: '/password-policy', onSlave: true },
    { name: 'password-policy-add', path: '/password-policy/new' },
    { name: 'password-policy-group', path: '/password-policy/groups/managers' },
    { name: 'password-policy-remove', path: '/password-policy/groups/managers/remove' },
    { name: 'import', path: '/import' },
    { name: 'import-directory', path: '/import/directory' },
    { name: 'devices-reached', path: '/reached/1' },
    { name: 'import-done', path: `/import/${made.job}` },
    { name: 'mode', path: '/mode', onSlave: true },
    { name: 'mode-key', path: '/mode/key/new' },
    { name: 'mode-become', path: '/mode/become/standalone' },
    { name: 'mode-recovery', path: '/mode/recovery' },
    { name: 'mode-hand-over', path: '/mode/hand-over' },
    { name: 'mode-promote', path: '/mode/promote', onSlave: 'only' },
    { name: 'mode-follow', path: '/mode/follow', onSlave: 'only' },
    { name: 'mode-detach', path: '/mode/detach', onSlave: 'only' },
    { name: 'mode-unshipped', path: '/mode/unshipped', onSlave: true },
    { name: 'devices', path: '/devices' },
    { name: 'device', path: `/devices/${device.device_id}` },
    { name: 'device-revoke', path: `/devices/${device.device_id}/revoke` },
    { name: 'device-open', path: `/devices?open=${device.device_id}` },
    { name: 'device-scope', path: `/devices/${device.device_id}/scope` },
    { name: 'device-stolen', path: `/devices/${device.device_id}/stolen` },
    { name: 'devices-join', path: '/devices/join' },
    { name: 'devices-join-waiting', path: '/devices/join/gw-waiting' },
    { name: 'devices-alerts', path: '/devices/alerts' },
    { name: 'receipt', path: `/receipts/${receipt?.id}` },
    { name: 'user-status', path: `/users/${made.person}/status?status=locked&from=enabled`, onSlave: true },
    { name: 'user-password-forwarded', path: `/users/${made.person}/password`, onSlave: true },
    { name: 'files', path: '/files', onSlave: true },
    { name: 'files-add', path: '/files/new' },
    { name: 'files-set', path: '/files/netlogon', onSlave: true },
    { name: 'files-certificates', path: '/files/certificates' },
    { name: 'files-versions', path: '/files/netlogon/file?path=logon.bat' },
    { name: 'files-remove', path: '/files/netlogon/remove' },
    { name: 'clients', path: '/clients', onSlave: true },
    { name: 'client', path: '/clients/squid-malmo', onSlave: true },
    { name: 'client-unused', path: '/clients/wiki', onSlave: true },
    { name: 'client-password', path: '/clients/squid-malmo/password' },
    { name: 'client-remove', path: '/clients/squid-malmo/remove' },
    { name: 'windows', path: '/windows', onSlave: true },
    { name: 'computers', path: '/windows/computers', onSlave: true },
    { name: 'computer-remove', path: '/windows/computers/ws-malmo-01$/remove' },
    { name: 'tokens', path: '/tokens', onSlave: true },
    { name: 'token-remove', path: `/tokens/${made.token}/remove` },
    { name: 'audit', path: '/audit', onSlave: true },
    { name: 'audit-nothing-found', path: '/audit?search=nothing-like-it' },
    { name: 'audit-undo', path: `/audit/${edit?.id}/undo` },
    { name: 'audit-undo-import', path: `/audit/batch/${batch}/undo` },
    { name: 'settings', path: '/settings', onSlave: true },
    { name: 'account', path: '/account', onSlave: true },
    { name: 'keys', path: '/help/keys', onSlave: true },
    { name: 'not-found', path: '/nothing-here' },
  ]
}

/** Goes through the pages and lists what is wrong with each, so that one bad page does not hide the next. */
async function tour(node: TestNode, options: { scheme: 'light' | 'dark'; phone?: true }): Promise<string[]> {
  const page = await openPage(browser, { colorScheme: options.scheme, ...(options.phone && phone) })
  await watchMoves(page)
  const isSlave = node === slave
  const wrong: string[] = []
  await signIn(page, urlOf(node), 'admin', password)
  for (const { name, path, onSlave } of paths) {
    if (isSlave ? !onSlave : onSlave === 'only') continue
    const answer = await page.goto(urlOf(node) + path)
    const status = answer?.status() ?? 0
    if (status >= 400 && name !== 'not-found') wrong.push(`${path}: ${status}`)
    if (options.phone) {
      const over = await sideways(page)
      if (over > 0) wrong.push(`${path}: scrolls ${over} px sideways`)
      wrong.push(...(await tooSmall(page)))
    }
    wrong.push(...(await flaws(page)), ...(await findings(page)), ...(await moves(page)))
    if (!isSlave && !options.phone) await take(page, name)
  }
  wrong.push(...page.faults)
  await page.context().close()
  return wrong
}

test('every page of a master is found good by axe-core', async () => {
  assert.deepEqual(await tour(master, { scheme: 'light' }), [])
})

test('every page of a slave is found good by axe-core', async () => {
  assert.deepEqual(await tour(slave, { scheme: 'light' }), [])
})

test('every page fits a phone and a finger, and axe-core finds it good there, in the dark, too', async () => {
  assert.deepEqual(await tour(master, { scheme: 'dark', phone: true }), [])
  assert.deepEqual(await tour(slave, { scheme: 'dark', phone: true }), [])
})

const cutOff = `[...document.querySelectorAll('.list-card, main')]
  .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth + 1)
  .map(({ scrollWidth, clientWidth, className }) => location.pathname + ' ' + innerWidth + ': ' + (scrollWidth - clientWidth) + ' px of ' + className)`

test('no list is cut off in a window between a phone and a desktop', async () => {
  const page = await openPage(browser)
  await signIn(page, urlOf(master), 'admin', password)
  const wrong: string[] = []
  for (const { path } of paths) {
    await page.goto(urlOf(master) + path)
    for (const width of [768, 960, 1024, 1200]) {
      await page.setViewportSize({ width, height: 800 })
      wrong.push(...((await page.evaluate(cutOff)) as string[]))
    }
  }
  assert.deepEqual(wrong, [])
  await page.context().close()
})

test('the page behind a first-password link needs no account, and is good as well', async () => {
  const person = await userByUsername(master.db, 'awhite').catch(() => userByUsername(master.db, made.person))
  const { path } = await inviteUser(master.db, me, person.id)
  for (const view of [{}, phone]) {
    const page = await openPage(browser, view)
    await page.goto(urlOf(master) + path)
    assert.deepEqual(await findings(page), [])
    assert.equal(await sideways(page), 0)
    await page.goto(`${urlOf(master)}/login`)
    assert.deepEqual(await findings(page), [])
    await page.context().close()
  }
})

test('help desk, auditor and an owner of groups see pages that fit them', async () => {
  const page = await openPage(browser)
  await signIn(page, urlOf(master), made.person, password)
  const wrong: string[] = []
  for (const path of [
    '/',
    '/users',
    '/users/onguyen',
    '/groups/europe',
    '/my-groups',
    '/account',
    '/password-policy',
  ]) {
    const answer = await page.goto(urlOf(master) + path)
    if ((answer?.status() ?? 0) !== 200) wrong.push(`${path}: ${answer?.status()}`)
    wrong.push(...(await findings(page)))
  }
  assert.deepEqual(wrong, [])
  await page.goto(`${urlOf(master)}/audit`)
  await page
    .getByText(/not allow|for administrators|auditor/i)
    .first()
    .waitFor()
  await page.context().close()
})
