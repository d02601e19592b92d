import assert from 'node:assert/strict'
import { changeUser, userByUsername } from '../../server/accounts/users.ts'
import type { TestNode } from '../support/node.ts'
import type { Organisation } from '../support/organisation.ts'
import { me, password } from '../support/people.ts'
import type { Looked } from './chromium.ts'

/** One state of a page: how an administrator comes to it; `look` is called while it lasts. */
export type State = { name: string; come: (page: Looked, look: () => Promise<void>) => Promise<void> }

const csv = [
  'Login,Given name,Surname,E-mail,City,Favourite colour',
  'newone,New,One,new@example.lan,Malmö,red',
  'fnystrom,Freja,Nyström,changed@example.lan,Lund,blue',
  'Bad Name,No,Good,notmail,,',
].join('\n')

export function statesOf(master: TestNode, made: Organisation): State[] {
  const on = (path: string): string => `http://127.0.0.1:${master.ports().web}${path}`
  return [
    {
      name: 'user-problems',
      come: async (page, look) => {
        await page.goto(on(`/users/${made.person}`))
        await page.getByLabel('Username').fill('Bad Name!')
        await page.getByLabel('First name').fill('')
        await page.getByLabel('Telephone number').fill('+46 40 555 7260 #12')
        await page.getByLabel('Title').fill('Operations lead')
        await page.getByRole('switch', { name: /PPTP Server/ }).check()
        await page.getByRole('button', { name: 'Save changes' }).click()
        await page.getByText('Not saved: 3 fields have problems.').waitFor()
        assert.equal(await page.evaluate('document.activeElement.closest("#problems") !== null'), true)
        await look()
        await page.getByRole('link', { name: 'Discard' }).click()
      },
    },
    {
      name: 'user-conflict',
      come: async (page, look) => {
        await page.goto(on('/users/gek'))
        await page.getByLabel('Title').fill('Lead')
        const { id } = await userByUsername(master.db, 'gek')
        const contact = { title: `Head ${Date.now()}`, roomNumber: `${Date.now()}`.slice(-4) }
        await changeUser(master.db, { ...me, name: 'onguyen' }, id, { extensions: { contact } })
        await page.getByRole('button', { name: 'Save changes' }).click()
        await page.getByText('Not saved: someone else changed Gösta Ek first.').waitFor()
        await look()
        await page.getByRole('link', { name: 'Discard' }).click()
      },
    },
    {
      name: 'user-saved',
      come: async (page, look) => {
        await page.goto(on('/users/gek'))
        await page.getByLabel('City').fill(`Lund ${Date.now() % 1000}`)
        await page.getByRole('button', { name: 'Save changes' }).click()
        await page.getByRole('button', { name: 'Undo' }).waitFor()
        await page.getByText('1 of 1 device has it.').waitFor()
        await look()
      },
    },
    {
      name: 'users-long-name',
      come: async (page, look) => {
        await page.goto(on('/users/wilhelmina.montgomery-featherst'))
        await look()
      },
    },
    {
      name: 'users-loading',
      come: async (page, look) => {
        await page.goto(on('/users'))
        await page.route('**/users?*', (route) => setTimeout(() => route.continue().catch(() => {}), 4000))
        await page.getByLabel('Search users').fill('freja')
        await page.locator('.filters.htmx-request').waitFor()
        await page.waitForTimeout(400)
        await look()
        await page.unrouteAll({ behavior: 'ignoreErrors' })
      },
    },
    {
      name: 'users-selected',
      come: async (page, look) => {
        await page.goto(on('/users?group=site_malmo'))
        for (const n of [0, 1, 2]) await page.locator('tbody input[type=checkbox]').nth(n).check()
        await page.getByText('3 selected').waitFor()
        await look()
      },
    },
    {
      name: 'users-change-together',
      come: async (page, look) => {
        await page.goto(on('/users?group=site_malmo'))
        for (const n of [0, 1]) await page.locator('tbody input[type=checkbox]').nth(n).check()
        await page.getByRole('button', { name: 'Change…' }).click()
        await page.getByLabel('Add to').fill('nosuch')
        await page.getByRole('button', { name: 'Show what would change' }).click()
        await page.getByText('There is no group “nosuch”.').first().waitFor()
        await look()
        await page.getByLabel('Add to').fill('support')
        await page.getByRole('button', { name: 'Show what would change' }).click()
        await page.getByRole('button', { name: /^Change \d people$/ }).waitFor()
      },
    },
    {
      name: 'users-change-preview',
      come: async (_page, look) => look(),
    },
    {
      name: 'users-remove-together',
      come: async (page, look) => {
        await page.goto(on('/users?group=site_malmo'))
        for (const n of [0, 1]) await page.locator('tbody input[type=checkbox]').nth(n).check()
        await page.getByRole('button', { name: 'Remove…' }).click()
        await page.getByLabel('Type 2 to confirm').fill('7')
        await page.getByRole('button', { name: 'Remove 2 people' }).click()
        await page.getByText('Type 2 to remove 2 people.').waitFor()
        await look()
      },
    },
    {
      name: 'user-password-once',
      come: async (page, look) => {
        await page.goto(on('/users/oq/password'))
        await page.getByRole('button', { name: 'Generate a password' }).click()
        await page.getByText('Shown now and never again.').waitFor()
        await look()
      },
    },
    {
      name: 'user-link-once',
      come: async (page, look) => {
        await page.goto(on('/users/oq/password'))
        await page.getByRole('button', { name: 'Make a link' }).click()
        await page.getByText('Shown now and never again.').waitFor()
        await look()
      },
    },
    {
      name: 'group-pending',
      come: async (page, look) => {
        await page.goto(on('/groups/europe'))
        await page.getByLabel('Description').fill('Everyone at the European sites')
        await page.getByLabel('Add people or groups').fill('gösta')
        await page.getByRole('button', { name: 'Add Gösta Ek' }).click()
        await page.getByRole('button', { name: 'Take Olivia Nguyen out' }).click()
        await page.locator('.nested-group summary').nth(1).click()
        await page.getByRole('link', { name: /more in site_malmo/ }).waitFor()
        await page.getByText('3 unsaved changes: Description, add Gösta Ek, take out Olivia Nguyen').waitFor()
        await look()
        await page.getByRole('link', { name: 'Discard' }).click()
      },
    },
    {
      name: 'extensions-problems',
      come: async (page, look) => {
        await page.goto(on('/extensions/new'))
        await page.getByRole('button', { name: 'Make the extension' }).last().click()
        await page.getByText('2 fields have problems.').waitFor()
        await page.getByLabel('Title', { exact: true }).fill('Staff card')
        await page.getByLabel('Label', { exact: true }).fill('Card number')
        await page.getByRole('button', { name: 'Add a field' }).click()
        await page.getByRole('heading', { name: 'Field 2', includeHidden: true }).waitFor()
        await look()
        await page.getByRole('link', { name: 'Cancel' }).click()
      },
    },
    {
      name: 'import-columns',
      come: async (page, look) => {
        await page.goto(on('/import'))
        const file = { name: 'november.csv', mimeType: 'text/csv', buffer: Buffer.from(csv) }
        await page.getByLabel('CSV or LDIF file').setInputFiles(file)
        await page.getByRole('button', { name: 'Read the file' }).click()
        await page.getByRole('heading', { name: 'What the columns mean' }).waitFor()
        await look()
        await page.getByRole('button', { name: 'Try it out' }).click()
        await page.getByRole('heading', { name: 'november.csv was tried out' }).waitFor()
      },
    },
    { name: 'import-tried', come: async (_page, look) => look() },
    {
      name: 'import-problem',
      come: async (page, look) => {
        await page.goto(on('/import'))
        await page.getByRole('button', { name: 'Read the file' }).click()
        await page.getByText('Choose a CSV or LDIF file first.').first().waitFor()
        await look()
      },
    },
    {
      name: 'mode-key-shown',
      come: async (page, look) => {
        await page.goto(on('/mode'))
        await page.getByLabel('Your password, to reveal it').fill(password)
        await page.getByRole('button', { name: 'Reveal' }).click()
        await page.getByText('hides in').waitFor()
        await look()
      },
    },
    {
      name: 'clients-added',
      come: async (page, look) => {
        await page.goto(on('/clients'))
        await page.getByLabel('Name').fill(`wiki-${Date.now() % 100_000}`)
        await page.getByRole('button', { name: 'Add LDAP client' }).click()
        await page.getByText('Shown this once.').waitFor()
        await look()
      },
    },
    {
      name: 'tokens-added',
      come: async (page, look) => {
        await page.goto(on('/tokens'))
        await page.getByLabel('Name').fill(`report-${Date.now() % 100_000}`)
        await page.getByRole('button', { name: 'Add API token' }).click()
        await page.getByText('Shown this once.').waitFor()
        await look()
      },
    },
    {
      name: 'audit-open',
      come: async (page, look) => {
        await page.goto(on('/audit?search=changed'))
        await page.locator('.audit summary').first().click()
        await look()
      },
    },
    {
      name: 'job',
      come: async (page, look) => {
        await page.goto(on('/users'))
        await page.locator('tbody input[type=checkbox]').first().check()
        await page.getByLabel(/^All \d+ that match$/).check()
        await page.getByRole('button', { name: 'Change…' }).click()
        await page.getByLabel('Field 1').selectOption({ label: 'Contact: Region' })
        await page.getByLabel('Value 1').fill(`Region ${Date.now()}`)
        await page.getByRole('button', { name: 'Show what would change' }).click()
        await page.getByRole('button', { name: /^Change \d+ people$/ }).click()
        await page.waitForURL(/\/jobs\//)
        await page.getByText(/\d+ people changed/).waitFor()
        await page.getByRole('link', { name: 'Go back' }).waitFor()
        await look()
      },
    },
    {
      name: 'keys-dialog',
      come: async (page, look) => {
        await page.goto(on('/users'))
        await page.keyboard.press('?')
        await page.getByRole('dialog', { name: 'Keyboard' }).waitFor()
        await look()
      },
    },
    {
      name: 'menu',
      come: async (page, look) => {
        await page.goto(on('/settings'))
        if (await page.getByRole('link', { name: 'Open the menu' }).isVisible())
          await page.getByRole('link', { name: 'Open the menu' }).click()
        await page.locator('.me summary').click()
        await page.getByRole('link', { name: 'Your account' }).waitFor()
        await look()
      },
    },
  ]
}
