import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createServer, type Server } from 'node:tls'
import { type DirectoryGiven, Untrusted } from '../../server/accounts/directory-connection.ts'
import { lookAtDirectory, readDirectory } from '../../server/accounts/directory-import.ts'
import { groupByName } from '../../server/accounts/groups.ts'
import { importDone, startImport } from '../../server/accounts/import.ts'
import { signIn } from '../../server/accounts/sign-in.ts'
import { usersPage } from '../../server/accounts/user-lists.ts'
import { userByUsername } from '../../server/accounts/users.ts'
import { Invalid } from '../../server/errors.ts'
import { me } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'
import { aWebApp, type Browser, type Fields, signedIn, textOf } from '../support/web.ts'
import { freePort, type Slapd, startSlapd } from './slapd.ts'

// A real OpenLDAP as the directory that people come from.

const base = 'dc=old,dc=lan'
const ssha = execFileSync('/usr/sbin/slappasswd', ['-n', '-h', '{SSHA}', '-s', 'Old-anna-pass']).toString()
const crypt = execFileSync('openssl', ['passwd', '-6', '-salt', 'saltsalt', 'Old-bert-pass']).toString().trim()

const many = Array.from(
  { length: 1200 },
  (_, i) => `
dn: uid=many${i},ou=People,${base}
objectClass: inetOrgPerson
uid: many${i}
cn: Many ${i}
sn: Number ${i}
givenName: Many
`,
).join('')

const ldif = `dn: ${base}
objectClass: dcObject
objectClass: organization
dc: old
o: Old

dn: ou=People,${base}
objectClass: organizationalUnit
ou: People

dn: ou=Groups,${base}
objectClass: organizationalUnit
ou: Groups

dn: uid=anna,ou=People,${base}
objectClass: inetOrgPerson
objectClass: posixAccount
uid: anna
cn: Anna Å
sn: Åkesson
givenName: Anna
mail: anna@old.lan
mail: second@old.lan
telephoneNumber: +46 40 555 1000
l: Malmö
uidNumber: 5000
gidNumber: 7000
homeDirectory: /home/anna
loginShell: /opt/menu/bin/menu
userPassword: ${ssha}

dn: uid=bert,ou=People,${base}
objectClass: inetOrgPerson
uid: bert
cn: Bert Berg
sn: Berg
userPassword: {CRYPT}${crypt}

dn: uid=pc1$,ou=People,${base}
objectClass: account
uid: pc1$
${many}
dn: cn=crew,ou=Groups,${base}
objectClass: groupOfMembers
objectClass: posixGroup
cn: crew
gidNumber: 7000
description: Everybody who works here
memberUid: bert

dn: cn=Zürich Office,ou=Groups,${base}
objectClass: groupOfNames
cn: Zurich Office
cn: Zürich Office
member: uid=anna,ou=People,${base}

dn: cn=offices,ou=Groups,${base}
objectClass: groupOfNames
cn: offices
member: cn=Z\\C3\\BCrich Office,ou=Groups,${base}
member: uid=bert,ou=People,${base}
`

let slapd: Slapd
let front: Server
let tlsPort: number
let folder: string
let store: Awaited<ReturnType<typeof aMasterStore>>
let given: DirectoryGiven

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'directory-'))
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
  const subject = ['-subj', '/CN=ldap.old.lan', '-addext', 'subjectAltName=DNS:ldap.old.lan,IP:127.0.0.1']
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  execFileSync('openssl', ['req', '-x509', ...newKey, ...subject, '-days', '2', '-keyout', key, '-out', certificate], {
    stdio: 'ignore',
  })
  slapd = await startSlapd(ldif, base, [`TLSCertificateFile ${certificate}`, `TLSCertificateKeyFile ${key}`])
  tlsPort = await freePort()
  front = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (secure) => {
    const plain = connect(slapd.port, '127.0.0.1')
    for (const socket of [plain, secure]) socket.on('error', () => {})
    secure.pipe(plain).pipe(secure)
  })
  await new Promise<void>((resolve) => front.listen(tlsPort, '127.0.0.1', resolve))
  store = await aMasterStore()
  given = {
    url: `127.0.0.1:${slapd.port}`,
    security: 'plain',
    bindDn: `cn=root,${base}`,
    password: 'root',
    base: '',
  }
})

after(async () => {
  front.close()
  await slapd.stop()
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

const problemsOf = (change: Partial<DirectoryGiven>) =>
  lookAtDirectory({ ...given, ...change }).then(
    () => assert.fail('it connected'),
    (error: unknown) => {
      assert.equal(error instanceof Invalid, true, String(error))
      return (error as Invalid).problems
    },
  )

describe('import from a live directory', () => {
  test('it is looked at first: what it is, where its people are, who they are', async () => {
    const look = await lookAtDirectory(given)
    assert.deepEqual(
      [look.kind, look.base, look.people.length, look.more, look.groups],
      ['OpenLDAP', base, 20, true, 3],
    )
    const anna = look.people.find(({ username }) => username === 'anna')
    assert.deepEqual([anna?.mail, anna?.hasHash], ['anna@old.lan', true])
  })

  test('each reason why it cannot be read is a sentence at its field', async () => {
    assert.match((await problemsOf({ password: 'wrong' })).password ?? '', /does not accept this bind DN/)
    assert.match((await problemsOf({ password: '' })).password ?? '', /password of the bind DN is needed/)
    assert.match((await problemsOf({ base: 'dc=nowhere' })).base ?? '', /no entry “dc=nowhere”/)
    assert.match((await problemsOf({ url: '127.0.0.1:1' })).url ?? '', /refuses the connection/)
    assert.match((await problemsOf({ url: 'no host' })).url ?? '', /must be the name of a host/)
    assert.match((await problemsOf({ url: 'nowhere.invalid' })).url ?? '', /no host named nowhere\.invalid/)
    assert.match((await problemsOf({ security: 'ldaps' })).security ?? '', /does not speak TLS/)
  })

  test('a certificate that nobody vouches for is shown, and trusted by its fingerprint alone', async () => {
    for (const way of [
      { security: 'ldaps', url: `ldaps://127.0.0.1:${tlsPort}` },
      { security: 'starttls', url: `127.0.0.1:${slapd.port}` },
    ] as const) {
      const error = await lookAtDirectory({ ...given, ...way }).catch((error: unknown) => error)
      assert.equal(error instanceof Untrusted, true, String(error))
      const { certificate } = error as Untrusted
      assert.match(certificate.subject, /CN=ldap\.old\.lan/)
      const look = await lookAtDirectory({ ...given, ...way, fingerprint: certificate.fingerprint })
      assert.equal(look.people.length, 20)
      const other = certificate.fingerprint.replace(/^../, (byte) => (byte === '00' ? '01' : '00'))
      await assert.rejects(lookAtDirectory({ ...given, ...way, fingerprint: other }), Untrusted)
    }
  })

  test('with the certificate of its authority there is no question', async () => {
    const ca = readFileSync(join(folder, 'certificate.pem'), 'utf8')
    for (const way of [
      { security: 'ldaps', url: `127.0.0.1:${tlsPort}` },
      { security: 'starttls', url: `127.0.0.1:${slapd.port}` },
    ] as const)
      assert.equal((await lookAtDirectory({ ...given, ...way, ca })).people.length, 20)
    const problems = await problemsOf({ security: 'ldaps', url: `127.0.0.1:${tlsPort}`, ca: 'no certificate' })
    assert.match(problems.ca ?? '', /must be PEM text/)
  })

  test('people come with their groups, and sign in with the passwords that they had', async () => {
    const counts: number[] = []
    const table = await readDirectory(store.db, given, (entries) => counts.push(entries))
    assert.equal(counts.at(-1), 1206)
    const job = await importDone(
      (await startImport(store.db, me, { file: 'old.lan', table, dryRun: false, lenient: true })).id,
    )
    assert.deepEqual([job.state, job.added, job.refused], ['done', 1202, []])
    assert.match(job.notices.join(' '), /1 computer is left out/)
    assert.match(job.notices.join(' '), /extensions\.shell\.login_shell cannot be taken here/)
    const anna = await userByUsername(store.db, 'anna')
    assert.deepEqual(
      [anna.first, anna.last, anna.extensions.contact],
      ['Anna', 'Åkesson', { mail: 'anna@old.lan', telephone: '+46 40 555 1000', city: 'Malmö' }],
    )
    assert.equal((await userByUsername(store.db, 'bert')).first, 'Bert')
    assert.equal((await signIn(store.db, 'anna', 'Old-anna-pass')).username, 'anna')
    assert.equal((await signIn(store.db, 'bert', 'Old-bert-pass')).username, 'bert')
    await assert.rejects(signIn(store.db, 'bert', 'Old-anna-pass'))

    const [crew, office, offices] = await Promise.all(
      ['crew', 'zurich_office', 'offices'].map((name) => groupByName(store.db, name)),
    )
    assert.equal(crew?.description, 'Everybody who works here')
    // One as memberUid, one by the number of the primary group.
    assert.deepEqual(
      (await usersPage(store.db, { group: 'crew', sort: 'username' })).rows.map(({ username }) => username),
      ['anna', 'bert'],
    )
    assert.deepEqual(office?.groups, [offices?.id])
  })

  test('the pages lead through it: certificate, preview, what the attributes mean, dry run, import', async () => {
    const other = await aMasterStore()
    try {
      const admin = await signedIn(await aWebApp(other.db))
      const typed = { ...given, url: `127.0.0.1:${tlsPort}`, security: 'ldaps' } as unknown as Fields
      const asked = await admin.post('/import/directory', typed)
      assert.match(textOf(asked.text), /Is this the certificate of 127\.0\.0\.1/)
      assert.doesNotMatch(asked.text, /value="root"/)
      const fingerprint = /name="fingerprint" value="([^"]+)"/.exec(asked.text)?.[1] as string
      const looked = await admin.post('/import/directory', { fingerprint })
      assert.equal(looked.status, 200)
      assert.match(textOf(looked.text), /OpenLDAP at 127.*The first 20 people, 3 groups/)
      await admin.post('/import/directory/read')
      const columns = await leadOn(admin)
      const page = await admin.get(columns)
      assert.doesNotMatch(page.text, /\{SSHA\}|\{CRYPT\}/)
      const chosen: Fields = {}
      for (const [, name = '', options = ''] of page.text.matchAll(
        /<select[^>]* name="(column-\d+)"[^>]*>(.*?)<\/select>/gs,
      ))
        chosen[name] = /<option value="([^"]*)" selected>/.exec(options)?.[1] ?? ''
      const tried = await admin.post(columns, { ...chosen, mode: 'add', lenient: 'yes' })
      assert.equal(tried.status, 303, textOf(tried.text))
      const at = tried.headers.location as string
      assert.equal((await importDone(at.split('/').at(-1) as string)).added, 1202)
      const begun = await admin.post(`${at}/begin`)
      const job = await importDone((begun.headers.location as string).split('/').at(-1) as string)
      assert.deepEqual([job.added, job.refusedRows], [1202, 0])
      assert.equal((await signIn(other.db, 'anna', 'Old-anna-pass')).username, 'anna')
    } finally {
      await other.close()
    }
  })
})

/** Where the page leads once everything is read. */
async function leadOn(admin: Browser): Promise<string> {
  for (let tries = 0; tries < 100; tries++) {
    const { status, headers } = await admin.get('/import/directory')
    if (status === 303) return headers.location as string
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('the directory was never read to its end')
}
