import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { attributeProblem, objectClassProblem } from '../../server/extensions/attributes.ts'
import { builtInExtensions } from '../../server/extensions/index.ts'
import { standardTypes } from '../../server/ldap/attribute-types.ts'
import { createDirectory } from '../../server/ldap/directory.ts'
import { standardClasses } from '../../server/ldap/schema-classes.ts'
import { type Client, connectTo, type FoundEntry } from './client.ts'
import {
  aGroup,
  aUser,
  base,
  change,
  groups,
  ids,
  organisation,
  reader,
  type Started,
  startServer,
  users,
  uuid,
} from './sample.ts'

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJx frida@laptop'
const otherKey = 'ssh-rsa AAAAB3NzaC1yc2E= frida@home, upstairs'
const [mail, zarafa, samba] = [uuid(40), uuid(41), uuid(42)]

describe('the extensions of the program, over LDAP', () => {
  let server: Started
  let c: Client
  const dn = `uid=fnystrom,${users}`
  const one = async (attributes?: string[]): Promise<FoundEntry['attributes']> =>
    (await c.search({ base: dn, scope: 'base', attributes })).entries[0]!.attributes
  const find = async (filter: string): Promise<string[]> =>
    (await c.search({ base, filter })).entries.map((entry) => entry.dn)
  const turn = (id: string, name: string, on: boolean): void =>
    server.directory.apply([change('extension', id, { name, on })])
  const put = (extensions: Record<string, Record<string, unknown>>): void =>
    server.directory.apply([change('user', ids.frida, aUser({ extensions }))])
  const schema = async (): Promise<string> => {
    const { attributes } = (await c.search({ base: 'cn=Subschema', scope: 'base', attributes: ['+'] })).entries[0]!
    return [...attributes.attributeTypes!, ...attributes.objectClasses!].join('\n')
  }

  before(async () => {
    const directory = createDirectory()
    directory.apply(organisation())
    server = await startServer({ directory })
    c = connectTo(server.port)
    await c.bind(reader, 'reader')
    for (const [id, name] of [
      [mail, 'mail'],
      [zarafa, 'zarafa'],
      [samba, 'samba'],
    ] as const)
      turn(id, name, true)
  })
  after(async () => {
    c.end()
    await server.close()
  })

  it('SSH keys are served one a value, with the class that sshd looks for', async () => {
    put({ shell: { sshKeys: [key, otherKey] } })
    assert.deepEqual((await one()).sshPublicKey, [key, otherKey])
    assert.equal((await one()).objectClass!.includes('ldapPublicKey'), true)
    assert.deepEqual(await find('(&(objectClass=ldapPublicKey)(uid=fnystrom))'), [dn])
    const escaped = otherKey.replaceAll('=', '\\3d')
    assert.deepEqual(await find(`(sshPublicKey=${escaped})`), [dn])
    assert.match(
      await schema(),
      /1\.3\.6\.1\.4\.1\.24552\.500\.1\.1\.1\.13 NAME 'sshPublicKey' EQUALITY octetStringMatch/,
    )
    put({ shell: { loginShell: '/bin/bash' } })
    assert.equal((await one()).objectClass!.includes('ldapPublicKey'), false)
    assert.equal((await one()).objectClass!.filter((name) => name === 'posixAccount').length, 1)
  })

  it('mail: aliases and forwarders one a value, the mailbox where mail servers look for it', async () => {
    put({
      mail: {
        address: 'frida@mail.example.lan',
        aliases: ['sales', 'info'],
        forwarders: ['f@a.example', 'f@b.example'],
      },
    })
    const entry = await one()
    assert.deepEqual(entry.clearMailAliases, ['sales', 'info'])
    assert.deepEqual(entry.clearMailForwarders, ['f@a.example', 'f@b.example'])
    assert.deepEqual(entry.mailLocalAddress, ['frida@mail.example.lan'])
    for (const name of ['clearMailAccount', 'inetLocalMailRecipient'])
      assert.equal(entry.objectClass!.includes(name), true, name)
    for (const filter of ['(clearMailAliases=INFO)', '(mailLocalAddress=Frida@mail.example.lan)'])
      assert.deepEqual(await find(filter), [dn])
  })

  it('Zarafa: flags as numbers, and the quotas that follow from the hard one', async () => {
    put({ zarafa: { account: true, administrator: false, hardQuota: '1000' } })
    const entry = await one()
    assert.deepEqual(
      ['Account', 'Admin', 'QuotaHard', 'QuotaOverride', 'QuotaSoft', 'QuotaWarn'].map(
        (name) => entry[`zarafa${name}`],
      ),
      [['1'], ['0'], ['1000'], ['1'], ['950'], ['900']],
    )
    assert.equal(entry.objectClass!.includes('zarafa-user'), true)
    assert.deepEqual(await find('(&(objectClass=zarafa-user)(zarafaQuotaSoft>=940))'), [dn])
    assert.match(await schema(), /NAME 'zarafaQuotaSoft' EQUALITY integerMatch/)
    // Kopano asks for the same under its own names.
    assert.deepEqual(
      [entry.kopanoAccount, entry.kopanoQuotaHard, entry.kopanoQuotaOverride, entry.kopanoQuotaWarn],
      [['1'], ['1000'], ['1'], ['900']],
    )
    assert.equal(entry.objectClass!.includes('kopano-user'), true)
    assert.deepEqual(await find('(&(objectClass=kopano-user)(kopanoAccount=1)(kopanoQuotaSoft>=940))'), [dn])
    assert.match(await schema(), /NAME 'kopano-user' SUP top AUXILIARY MAY \( kopanoAccount \$ kopanoAdmin/)
    turn(zarafa, 'zarafa', false)
    const off = await one()
    assert.deepEqual([off.zarafaQuotaSoft, off.kopanoQuotaSoft], [undefined, undefined])
    assert.doesNotMatch(await schema(), /zarafa|kopano/)
    turn(zarafa, 'zarafa', true)
    assert.deepEqual((await one()).zarafaQuotaSoft, ['950'])
  })

  it('samba gives no object class without the attributes that it must have', async () => {
    put({ samba: { account: true } })
    const entry = await one()
    assert.equal(entry.objectClass!.includes('sambaSamAccount'), false)
    assert.equal(entry.sambaAccount, undefined)
  })

  it('fields of a group stand in the group, with the class that carries them', async () => {
    const list = aGroup({ extensions: { mail: { distributionList: true, mail: 'sales@example.lan' } } })
    server.directory.apply([change('group', ids.sales, list)])
    const group = `cn=sales,${groups}`
    const { attributes } = (await c.search({ base: group, scope: 'base' })).entries[0]!
    assert.deepEqual([attributes.clearMailDistributionList, attributes.mail], [['1'], ['sales@example.lan']])
    assert.equal(attributes.objectClass!.includes('clearMailGroupAccount'), true)
    assert.deepEqual(await find('(mail=SALES@example.lan)'), [group])
    turn(mail, 'mail', false)
    const { attributes: off } = (await c.search({ base: group, scope: 'base' })).entries[0]!
    assert.deepEqual([off.mail, off.objectClass!.includes('clearMailGroupAccount')], [undefined, false])
    assert.deepEqual(await find('(mail=SALES@example.lan)'), [])
    turn(mail, 'mail', true)
  })

  it('every attribute of every entry is in the schema, and allowed by a class of the entry', async () => {
    put({
      shell: { sshKeys: [key], home: '/srv/f' },
      mail: { address: 'f@example.lan', aliases: ['x'], forwarders: ['f@a.example'] },
      zarafa: { account: true, hardQuota: '0' },
      contact: { mail: 'f@example.lan', country: 'SE', city: 'Lund' },
    })
    const text = await schema()
    const classes = new Map<string, { sup: string; attributes: string[] }>()
    for (const line of text.split('\n').filter((each) => / (STRUCTURAL|AUXILIARY|ABSTRACT)/.test(each))) {
      const listed = [...line.matchAll(/(?:MUST|MAY) (?:\( ([^)]*) \)|(\S+))/g)].flatMap((match) =>
        (match[1] ?? match[2]!).split(' $ '),
      )
      classes.set(/NAME '([^']+)'/.exec(line)![1]!.toLowerCase(), {
        sup: (/ SUP (\S+)/.exec(line)?.[1] ?? '').toLowerCase(),
        attributes: listed,
      })
    }
    const allowedBy = (name: string): string[] => {
      const known = classes.get(name)
      return known ? [...known.attributes, ...allowedBy(known.sup)] : []
    }
    for (const { dn: name, attributes } of (await c.search({ base, attributes: ['*'] })).entries) {
      // RFC 4512 section 4.3: extensibleObject allows any; it is there for the country alone, which no other class allows.
      const isExtensible = attributes.objectClass!.includes('extensibleObject')
      assert.equal(isExtensible, attributes.c !== undefined, name)
      const allowed = new Set(attributes.objectClass!.flatMap((each) => allowedBy(each.toLowerCase())))
      if (isExtensible) allowed.add('c')
      for (const attribute of Object.keys(attributes))
        assert.equal(allowed.has(attribute), true, `${attribute} of ${name}`)
      for (const each of attributes.objectClass!) assert.equal(classes.has(each.toLowerCase()), true, each)
    }
  })

  it('every declared attribute can be asked for', async () => {
    for (const extension of builtInExtensions) {
      if (extension.isOutOfLdap) continue
      for (const { attribute } of [...Object.values(extension.user), ...Object.values(extension.group?.fields ?? {})])
        assert.match(await schema(), new RegExp(`'${attribute}'`), attribute)
    }
  })

  it('an extension made in the pages can have no attribute and no class that is served already', () => {
    const free =
      /^(businessCategory|carLicense|departmentNumber|description|employee(Type|Number)|initials|labeledURI|physicalDeliveryOfficeName|preferredLanguage|homePhone|homeTelephoneNumber|pager|pagerTelephoneNumber)$/
    for (const name of standardTypes.flatMap((type) => type.names)) {
      if (free.test(name)) continue
      assert.notEqual(attributeProblem(name, 'text'), undefined, name)
    }
    for (const { name } of standardClasses) assert.notEqual(objectClassProblem(name), undefined, name)
  })
})
