import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { until } from '../support/node.ts'
import { command, endProcess, type NodeProcess, startProcess } from '../support/process.ts'
import { aFolder } from '../support/store.ts'
import { findings, type Looked, launch, openPage, signIn } from './chromium.ts'

const password = 'correct horse 1'
const slow = 60_000
let browser: Browser
const nodes: NodeProcess[] = []
let [master, malmo, berlin] = [] as unknown as [NodeProcess, NodeProcess, NodeProcess]
let code = ''

const urlOf = (node: NodeProcess): string => `http://127.0.0.1:${node.ports.web}`

async function start(dir = aFolder('browser'), sync?: number): Promise<NodeProcess> {
  const node = await startProcess(dir, sync)
  nodes.push(node)
  return node
}

const add = (node: NodeProcess, name: string) =>
  command(node.dir, ['user', 'add', name, '--first', 'Some', '--last', 'Body', '--no-password'])

const hash = async (node: NodeProcess): Promise<string> =>
  JSON.parse(await command(node.dir, ['status', '--json'])).stateHash

/** Everybody holds the same as the master. */
const allEqual = (head: NodeProcess, others: NodeProcess[]) =>
  until(async () => {
    const wanted = await hash(head)
    return (await Promise.all(others.map(hash))).every((one) => one === wanted)
  }, slow)

/** An administrator at a node. */
async function at(node: NodeProcess): Promise<Looked> {
  const page = await openPage(browser)
  page.setDefaultTimeout(20_000)
  await signIn(page, urlOf(node), 'admin', password)
  return page
}

const looked = async (page: Looked) => assert.deepEqual([...(await findings(page)), ...page.faults], [])

before(async () => {
  browser = await launch()
  ;[master, malmo, berlin] = await Promise.all([start(), start(), start()])
  const setup = ['setup', '--mode', 'master', '--domain', 'example.lan', '--admin', 'admin', '--name', 'head']
  await command(master.dir, setup, `${password}\n`)
  const key = await command(master.dir, ['key', 'show'])
  for (const [node, name] of [
    [malmo, 'gw-malmo'],
    [berlin, 'gw-berlin'],
  ] as const)
    await command(
      node.dir,
      ['setup', '--mode', 'slave', '--master', `127.0.0.1:${master.ports.sync}`, '--name', name],
      key,
    )
  await allEqual(master, [malmo, berlin])
})
after(async () => {
  await browser?.close()
  for (const node of nodes) if (node.child.exitCode === null) await endProcess(node)
  for (const dir of new Set(nodes.map((node) => node.dir))) rmSync(dir, { recursive: true, force: true })
})

test('the master’s home asks for a recovery code, which is shown once', async () => {
  const page = await at(master)
  await page.getByRole('link', { name: /^Make it/ }).click()
  await looked(page)
  await page.getByLabel('Your password').fill(password)
  await page.getByRole('button', { name: 'Make it and show it' }).click()
  code = ((await page.locator('#the-code').textContent()) ?? '').trim()
  assert.match(code, /^arc1-/)
  await looked(page)
  await page.getByRole('link', { name: 'I have written it down' }).click()
  await page.getByRole('link', { name: 'New recovery code…' }).waitFor()
  await looked(page)
})

test('the master hands over while accounts are changed, and is handed back', async () => {
  const page = await at(master)
  await page.goto(`${urlOf(master)}/mode`)
  await page.getByRole('link', { name: 'Hand over…' }).click()
  await page.getByLabel('New master').selectOption({ label: 'gw-malmo' })
  await looked(page)
  await add(master, 'before')
  await page.getByRole('button', { name: 'Hand over' }).click()
  await page.getByText('gw-malmo is master now, and this node its slave.').waitFor()
  await looked(page)
  await add(malmo, 'between')
  await allEqual(malmo, [master, berlin])

  const there = await at(malmo)
  await there.goto(`${urlOf(malmo)}/mode/hand-over`)
  await there.getByLabel('New master').selectOption({ label: 'head' })
  await there.getByRole('button', { name: 'Hand over' }).click()
  await there.getByText('head is master now, and this node its slave.').waitFor()
  await add(master, 'behind')
  await allEqual(master, [malmo, berlin])
  for (const name of ['before', 'between', 'behind']) await command(berlin.dir, ['user', 'show', name])
})

test('a master that is gone is replaced with the code; the other slave follows by itself', async () => {
  await endProcess(berlin)
  await endProcess(malmo)
  await add(master, 'unshipped')
  await endProcess(master, 'SIGKILL')
  ;[malmo, berlin] = [await start(malmo.dir, malmo.ports.sync), await start(berlin.dir, berlin.ports.sync)]
  const page = await at(malmo)
  await page.goto(`${urlOf(malmo)}/mode`)
  await page.getByRole('link', { name: 'Promote this node…' }).click()
  await page.getByText('follow this node by themselves').waitFor()
  await looked(page)
  await page.getByLabel('Recovery code').fill(`${code}x`)
  await page.getByRole('button', { name: 'Become master' }).click()
  await page.getByText('mistyped or not complete').waitFor()
  await looked(page)
  await page.getByLabel('Recovery code').fill(code)
  await page.getByRole('button', { name: 'Become master' }).click()
  await page.getByText('This node is master now.').waitFor()
  await add(malmo, 'since')
  await allEqual(malmo, [berlin])
})

test('the old master bows when it is back, becomes a slave with a click, and its lost change is made again', async () => {
  master = await start(master.dir, master.ports.sync)
  const page = await at(master)
  await until(async () => {
    await page.goto(`${urlOf(master)}/mode`)
    return (await page.getByText('gw-malmo is master now.').count()) > 0
  }, slow)
  await looked(page)
  await page.getByRole('link', { name: 'Stay master…' }).click()
  await looked(page)
  await page.getByRole('link', { name: 'Not now' }).click()
  await page.getByRole('main').getByRole('link', { name: 'Become its slave…' }).last().click()
  await looked(page)
  await page.getByRole('button', { name: 'Become a slave' }).click()
  await page.getByText('This node is a slave of gw-malmo now.').waitFor()
  await allEqual(malmo, [master, berlin])
  await page.goto(`${urlOf(master)}/mode`)
  await page.getByRole('link', { name: 'Look at them' }).click()
  await looked(page)
  await page.getByRole('checkbox', { name: 'added unshipped' }).check()
  await page.getByLabel('Your own password').fill(password)
  await page.getByRole('button', { name: 'Make the chosen again' }).click()
  await page.getByText('Made 1 change again.').waitFor()
  await page.getByRole('link', { name: 'Forget the list…' }).click()
  await looked(page)
  await page.getByRole('button', { name: 'Forget it' }).click()
  await page.getByText('They are forgotten.').waitFor()
  await allEqual(malmo, [master, berlin])
  await command(berlin.dir, ['user', 'show', 'unshipped'])
})

test('a slave is told another address, and is detached', async () => {
  const page = await at(berlin)
  await page.goto(`${urlOf(berlin)}/mode`)
  await page.getByRole('link', { name: 'Follow…' }).click()
  await page.getByLabel('Address of the master').fill('127.0.0.1:9')
  await page.getByRole('button', { name: 'Follow it' }).click()
  await page.getByText('Nothing answers at 127.0.0.1:9').waitFor()
  await looked(page)
  await page.getByRole('link', { name: 'Back to Mode' }).click()
  await page.getByRole('link', { name: 'Detach…' }).click()
  await looked(page)
  await page.getByLabel('Type gw-berlin to confirm').fill('gw-berlin')
  await page.getByRole('button', { name: 'Detach' }).click()
  await page.getByText('This node is standalone now').first().waitFor()
  await looked(page)
  await add(berlin, 'alone')
})
