import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { attributeProblem, objectClassProblem } from '../../server/extensions/attributes.ts'
import { pluginGroup } from '../../server/extensions/extension.ts'
import type { Field } from '../../server/extensions/field.ts'
import { builtInExtensions, builtInPlugins, nameFields } from '../../server/extensions/index.ts'
import { extensionFrom, type OwnField, patternProblem } from '../../server/extensions/own.ts'

const aKey = `ssh-ed25519 AAAA${'C3NzaC1lZDI1NTE5'.repeat(3)} anna@laptop, at home`

const samples: Record<Field['type'], string> = {
  email: 'anna@example.lan',
  telephone: '+46 40 555 7260',
  text: 'Some text',
  list: 'sales\ninfo',
  number: '12',
  switch: 'yes',
  date: '2026-11-23',
  choice: '',
}
const special: Record<string, string> = {
  'shell.home': '/home/anna',
  'shell.sshKeys': aKey,
  'samba.homeDrive': 'H:',
  'samba.homePath': String.raw`\\server\anna`,
  'samba.profilePath': String.raw`\\server\profiles\anna`,
  'mail.forwarders': 'anna@example.com\nås@example.com',
}

const own = (name: string, type: Field['type'], more: Partial<OwnField> = {}): OwnField => ({
  name,
  label: name,
  type,
  attribute: `example${name}`,
  ...more,
})
/** One made in the pages, with a field of every type. */
const madeHere = extensionFrom('made_here', {
  title: 'Made here',
  summary: '',
  objectClass: 'exampleMadeHere',
  fields: [
    own('plain', 'text', { pattern: '[A-Z][a-z]+ text', patternHelp: 'As in Some text.' }),
    own('several', 'list', { pattern: '[a-z]+' }),
    own('level', 'choice', { options: ['Gold', 'Silver'] }),
    own('shoe', 'number', { least: 10, most: 60 }),
    own('parks', 'switch'),
    own('until', 'date'),
    own('private', 'email'),
    own('pager', 'telephone'),
  ],
})

for (const extension of [...builtInExtensions, madeHere]) {
  const fields = [...Object.entries(extension.user), ...Object.entries(extension.group?.fields ?? {})]
  for (const [name, field] of fields) {
    const typed = special[`${extension.name}.${name}`] ?? field.options?.[0]?.value ?? samples[field.type]

    test(`${extension.name}.${name}: what is typed becomes a value, the same text and LDAP values again`, () => {
      const result = field.parse(`  ${typed} `)
      if ('problem' in result) assert.fail(result.problem)
      assert.equal(field.format(result.value), typed)
      assert.deepEqual(field.parse(field.format(result.value)), result)
      const values = field.values(result.value)
      assert.equal(values.length, field.type === 'list' ? typed.split('\n').length : 1)
      assert.deepEqual(new Set(values.map((value) => typeof value)), new Set(['string']))
    })

    test(`${extension.name}.${name}: any text gets a value or a sentence`, () => {
      fc.assert(
        fc.property(fc.string({ unit: 'binary' }), (text) => {
          const result = field.parse(text)
          if ('problem' in result) assert.match(result.problem, /[.…]$/)
        }),
      )
      for (const long of ['a'.repeat(50_000), `${'a@'.repeat(25_000)}`, `+${'1 '.repeat(25_000)}`, '/'.repeat(50_000)])
        field.parse(long)
    })

    test(`${extension.name}.${name}: says what it allows`, () => {
      assert.match(field.rule, /\S/)
    })
  }
}

test('no two fields of people claim one attribute or one CSV column', () => {
  const attributes = builtInExtensions.flatMap(({ user, derived }) => [
    ...Object.values(user).map((field) => field.attribute.toLowerCase()),
    ...Object.keys(derived ?? {}).map((attribute) => attribute.toLowerCase()),
  ])
  assert.equal(new Set(attributes).size, attributes.length)
  const columns = builtInExtensions.flatMap((one) =>
    Object.entries(one.user).map(([name, field]) => `${one.name}.${field.column ?? name}`),
  )
  assert.equal(new Set(columns).size, columns.length)
})

test('the fields that share the pool of names are those that say so', () => {
  const said = builtInExtensions.flatMap(({ name, user }) =>
    Object.entries(user).flatMap(([field, { isName }]) => (isName ? [[name, field]] : [])),
  )
  assert.deepEqual(said, nameFields)
})

test('the plugins of the user’s document come first, each with a group of its own', () => {
  assert.deepEqual(builtInPlugins.map(pluginGroup), [
    'ftp_plugin',
    'pptpd_plugin',
    'print_server_plugin',
    'smtp_plugin',
    'web_proxy_plugin',
    'openvpn_plugin',
    'imap_plugin',
    'user_certificates_plugin',
  ])
})

test('Zarafa’s soft quota and warning follow from the hard quota', () => {
  const { derived } = builtInExtensions.find(({ name }) => name === 'zarafa') ?? assert.fail()
  const of = (values: object) =>
    Object.fromEntries(Object.entries(derived ?? {}).map(([name, work]) => [name, work(values)]))
  assert.deepEqual(of({ hardQuota: '1000' }), {
    zarafaQuotaOverride: '1',
    zarafaQuotaSoft: '950',
    zarafaQuotaWarn: '900',
  })
  assert.deepEqual(Object.values(of({})), [undefined, undefined, undefined])
})

test('a pattern that somebody typed comes to an end, and one that cannot be used is named', () => {
  assert.match(patternProblem('(?=a)b') ?? '', /is no pattern/)
  assert.match(patternProblem('(a{1000}){1000}') ?? '', /is no pattern/)
  assert.equal(patternProblem('[A-Z]{2}[0-9]{4}'), undefined)
  const fields = [own('slow', 'text', { pattern: '(x+x+)+y', maxLength: 1024 })]
  const made = extensionFrom('slow', { title: 'Slow', summary: '', objectClass: 'exampleSlow', fields })
  assert.equal('problem' in (made.user.slow?.parse('x'.repeat(1024)) ?? {}), true)
})

test('a field of a type that this version does not know is left out, and the others work', () => {
  const fields = [own('later', 'hologram' as 'text'), own('plain', 'text', { pattern: '(?=nothing' })]
  const made = extensionFrom('new', { title: 'New', summary: '', objectClass: 'exampleNew', fields })
  assert.deepEqual(Object.keys(made.user), ['plain'])
  assert.deepEqual(made.user.plain?.parse('as it is'), { value: 'as it is' })
})

test('an own field may have a standard attribute that nobody fills, and no other', () => {
  for (const attribute of ['employeeNumber', 'carLicense', 'exampleCardNumber'])
    assert.equal(attributeProblem(attribute, 'text'), undefined, attribute)
  for (const attribute of ['uid', 'MEMBEROF', 'userPassword', 'surname', 'sambaSID', 'sshPublicKey', 'jpegPhoto'])
    assert.match(attributeProblem(attribute, 'text') ?? '', /meaning of its own/, attribute)
  assert.match(attributeProblem('employeeNumber', 'list') ?? '', /another kind of value/)
  assert.match(attributeProblem('pager', 'text') ?? '', /another kind of value/)
  for (const attribute of ['', '1st', 'card number', 'å', 'x;binary', 'x'.repeat(49)])
    assert.match(attributeProblem(attribute, 'text') ?? '', /begins with a letter/, attribute)
  assert.match(objectClassProblem('inetOrgPerson') ?? '', /meaning of its own/)
})

test('every attribute and class of the LDAP schema is either free for own fields or refused', async () => {
  const { coreAttributes } = await import('../../server/ldap/schema-core.ts')
  const { standardClasses } = await import('../../server/ldap/schema-classes.ts')
  const free = coreAttributes
    .flatMap(({ names }) => names.split(' '))
    .filter((name) => !attributeProblem(name, 'text') || !attributeProblem(name, 'telephone'))
  assert.deepEqual(free.sort(), [
    'businessCategory',
    'carLicense',
    'departmentNumber',
    'description',
    'employeeNumber',
    'employeeType',
    'homePhone',
    'homeTelephoneNumber',
    'initials',
    'labeledURI',
    'pager',
    'pagerTelephoneNumber',
    'physicalDeliveryOfficeName',
    'preferredLanguage',
  ])
  const classes = standardClasses.map(({ name }) => name).filter((name) => !objectClassProblem(name))
  assert.deepEqual(classes, [])
})
