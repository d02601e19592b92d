import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Ran, run, start } from './programs.ts'
import { base, groups, newPassword, password, people, personDn, type Staff, startStaff } from './staff.ts'

// Every tool of ldap-utils against a whole node.

describe('OpenLDAP’s tools at a node', () => {
  let staff: Staff
  let asReader: string[]
  let asAdmin: string[]
  const as = (username: string, typed = password): string[] => ['-D', personDn(username), '-w', typed]
  const tool = (name: string, args: string[], url = staff.url, input = ''): Promise<Ran> =>
    run(name, ['-x', '-H', url, ...args], { env: { LDAPTLS_CACERT: staff.ca }, input })
  const search = (...args: string[]): Promise<Ran> =>
    tool('ldapsearch', ['-LLL', '-o', 'ldif-wrap=no', ...asReader, ...args])
  const change = (ldif: string, ...args: string[]): Promise<Ran> =>
    tool('ldapmodify', [...asAdmin, ...args], staff.url, ldif)
  const valuesOf = async (username: string, attribute: string): Promise<string[]> => {
    const { out } = await search('-b', personDn(username), '-s', 'base', attribute)
    return [...out.matchAll(/^(\w+)(::?) (.*)$/gm)].flatMap(([, name, colons, value = '']) =>
      name === attribute ? [colons === '::' ? Buffer.from(value, 'base64').toString() : value] : [],
    )
  }

  before(async () => {
    staff = await startStaff()
    asReader = ['-D', staff.reader.dn, '-w', staff.reader.password]
    asAdmin = ['-D', staff.admin.dn, '-w', staff.admin.password]
  })
  after(() => staff?.close())

  const namesIn = (out: string): string[] => [...out.matchAll(/^dn: (?:uid|cn)=([^,]+)/gm)].map(([, name]) => name!)
  const everybody = ['-b', people, '-s', 'one', '(uid=*)', '1.1']

  it('ldapsearch takes pages of three', async () => {
    const { code, out } = await search('-E', '!pr=3/noprompt', ...everybody)
    assert.equal(code, 0)
    assert.deepEqual(namesIn(out).sort(), ['admin', 'anna', 'berit', 'chief', 'disa', 'emil', 'mia'])
    assert.equal(out.match(/^# pagedresults: cookie=\S+$/gm)?.length, 2)
  })

  it('ldapsearch has the server sort, by several keys and backwards', async () => {
    const byNumber = await search('-E', '!sss=-uidNumber', ...everybody)
    assert.deepEqual(namesIn(byNumber.out), ['chief', 'mia', 'emil', 'disa', 'berit', 'anna', 'admin'])
    const byName = await search('-E', '!sss=sn:2.5.13.3/uid', ...everybody)
    assert.deepEqual(namesIn(byName.out), ['admin', 'chief', 'emil', 'mia', 'disa', 'anna', 'berit'])
    assert.match(byName.out, /sortResult: \(0\) Success/)
    const unknown = await search('-E', '!sss=shoeSize', ...everybody)
    assert.equal(unknown.code, 12)
  })

  it('ldapsearch scrolls through a virtual list view, by place and by value', async () => {
    const scroll = (window: string, next: string): Promise<Ran> =>
      tool('ldapsearch', ['-LLL', ...asReader, '-E', 'sss=uid', '-E', `vlv=${window}`, ...everybody], staff.url, next)
    // It asks for the next window until it is told something that is none.
    const byPlace = await scroll('1/1/3/7', '1/1/6/7\nend\n')
    assert.deepEqual(namesIn(byPlace.out), ['anna', 'berit', 'chief', 'disa', 'emil', 'mia'])
    assert.match(byPlace.out, /pos=3 count=7 [\s\S]*pos=6 count=7 /)
    const byValue = await scroll('0/1:d', 'end\n')
    assert.deepEqual(namesIn(byValue.out), ['disa', 'emil'])
  })

  it('ldapsearch gets no less for a control that is not kept, and code 12 when it insists on it', async () => {
    const lax = await search('-E', 'deref=member:uid', '-b', groups, '(cn=engineers)', 'member')
    assert.match(lax.out, new RegExp(`^member: ${personDn('anna')}$`, 'm'))
    const strict = await search('-E', '!deref=member:uid', '-b', groups, '(cn=engineers)', 'member')
    assert.equal(strict.code, 12)
    assert.match(strict.err, /1\.3\.6\.1\.4\.1\.4203\.666\.5\.16/)
    assert.equal((await search('-MM', '-E', '!domainScope', '-b', personDn('anna'), '-s', 'base', '1.1')).code, 0)
    assert.equal((await search('-e', 'sessiontracking=me', '-b', personDn('anna'), '-s', 'base', '1.1')).code, 0)
  })

  it('ldapsearch asserts before it searches', async () => {
    const about = (filter: string): Promise<Ran> =>
      search('-e', `!assert=${filter}`, '-b', personDn('anna'), '-s', 'base', '1.1')
    assert.deepEqual([(await about('(sn=Åkesson)')).code, (await about('(sn=Öhman)')).code], [0, 122])
  })

  it('ldapsearch with sync=ro takes up where its cookie stands', async () => {
    const refresh = (cookie = ''): Promise<Ran> =>
      tool('ldapsearch', ['-o', 'ldif-wrap=no', ...asReader, '-E', `!sync=ro${cookie}`, ...everybody])
    const first = await refresh()
    assert.equal(first.out.match(/SyncState control, UUID \S+ added/g)?.length, 7)
    const [, cookie] = /^# cookie: (\S+)$/m.exec(first.out)!
    const second = await refresh(`/${cookie}`)
    assert.deepEqual([second.code, namesIn(second.out)], [0, []])
    await change(`dn: ${personDn('berit')}\nchangetype: modify\nreplace: title\ntitle: Boss\n`)
    const third = await refresh(`/${cookie}`)
    assert.deepEqual(namesIn(third.out), ['berit'])
  })

  it('ldapsearch with sync=rp is told what changes, and of what is gone', async () => {
    const args = ['-x', '-H', staff.url, '-o', 'ldif-wrap=no', ...asReader, '-E', '!sync=rp', '-b', people]
    const following = start('ldapsearch', [...args, '(title=*)', 'title'])
    await following.said(/switching to persist stage/)
    await change(`dn: ${personDn('anna')}\nchangetype: modify\nadd: title\ntitle: Welder\n`)
    await following.said(/^title: Welder$/m)
    await change(`dn: ${personDn('anna')}\nchangetype: modify\ndelete: title\n`)
    await following.said(/SyncState control, UUID \S+ deleted/)
    await following.end()
  })

  it('StartTLS is trusted with the certificate of the cluster and refused without', async () => {
    const secured = ['-ZZ', ...asReader]
    assert.deepEqual(await tool('ldapwhoami', secured), { code: 0, out: `dn:${staff.reader.dn}\n`, err: '' })
    const others = { env: { LDAPTLS_CACERT: '/etc/ssl/certs/ca-certificates.crt' } }
    assert.notEqual((await run('ldapwhoami', ['-x', '-H', staff.url, ...secured], others)).code, 0)
    assert.equal((await tool('ldapwhoami', asReader, staff.secureUrl)).out, `dn:${staff.reader.dn}\n`)
  })

  it('SASL EXTERNAL over the Unix socket is this machine, and nobody else', async () => {
    const external = (...args: string[]): Promise<Ran> =>
      run('ldapwhoami', ['-Q', '-Y', 'EXTERNAL', '-H', staff.socketUrl, ...args])
    assert.equal((await external()).out, 'u:this machine\n')
    assert.equal((await external('-X', 'u:anna')).code, 49)
    const mechanisms = await tool('ldapsearch', ['-LLL', '-b', '', '-s', 'base', '+'], staff.socketUrl)
    assert.match(mechanisms.out, /^supportedSASLMechanisms: EXTERNAL$/m)
    const over = await run('ldapwhoami', ['-Q', '-Y', 'EXTERNAL', '-H', staff.secureUrl], {
      env: { LDAPTLS_CACERT: staff.ca },
    })
    assert.notEqual(over.code, 0)
  })

  it('ldapwhoami with the password policy control says what stands in the way', async () => {
    const who = (username: string, ...args: string[]): Promise<Ran> => tool('ldapwhoami', [...as(username), ...args])
    assert.equal((await who('anna', '-e', 'ppolicy')).out, `dn:${personDn('anna')}\n`)
    const mia = await who('mia', '-e', 'ppolicy')
    assert.match(mia.err, /Password must be changed/)
    assert.equal(mia.out, `dn:${personDn('mia')}\n`)
    assert.equal((await who('mia')).code, 49, 'who does not know the control cannot let her change it')
    for (const username of ['disa', 'emil']) assert.equal((await who(username, '-e', 'ppolicy')).code, 49)
    const read = ['-LLL', ...as('mia'), '-e', 'ppolicy', '-b', personDn('mia')]
    const refused = await tool('ldapsearch', read)
    assert.equal(refused.code, 50)
    assert.match(refused.err, /own password has to be changed first/)
  })

  it('ldapadd takes base64 and letters beyond ASCII', async () => {
    const encoded = (text: string): string => Buffer.from(text).toString('base64')
    const { code, err } = await tool(
      'ldapadd',
      asAdmin,
      staff.url,
      [
        'version: 1',
        '# A comment, a folded line, and a value from nowhere but base64.',
        `dn: uid=nils,${people}`,
        'objectClass: inetOrgPerson',
        'objectClass: posixAccount',
        `cn:: ${encoded('Nils Öberg')}`,
        `sn:: ${encoded('Öberg')}`,
        'givenName: Ni',
        ' ls',
        'uid: nils',
        'uidNumber: 2500',
        'gidNumber: 63000',
        'homeDirectory: /home/nils',
        `street:: ${encoded('Ågatan 1, “übermorgen”')}`,
        `userPassword: ${password}`,
        '',
      ].join('\n'),
    )
    assert.deepEqual([code, err], [0, ''])
    assert.deepEqual(await valuesOf('nils', 'cn'), ['Nils Öberg'])
    assert.deepEqual(await valuesOf('nils', 'street'), ['Ågatan 1, “übermorgen”'])
    assert.deepEqual(await valuesOf('nils', 'uidNumber'), ['2500'])
    const first = await tool('ldapwhoami', [...as('nils'), '-e', 'ppolicy'])
    assert.match(first.err, /Password must be changed/, 'somebody else has set it')
  })

  it('ldapmodify reads before and after, asserts, and changes all or nothing', async () => {
    const rename = `dn: ${personDn('nils')}\nchangetype: modify\nreplace: sn\nsn: Nyström\n-\nadd: title\ntitle: Chef\n`
    const wrong = await change(rename, '-e', '!assert=(sn=Berg)')
    assert.equal(wrong.code, 122)
    const { code, out } = await change(rename, '-e', '!assert=(sn=Öberg)', '-e', '!preread=sn', '-e', '!postread=cn,sn')
    assert.equal(code, 0)
    assert.match(out, /==> preread\ndn: .*\nsn:: w5ZiZXJn\n# <== preread/)
    assert.match(out, /==> postread\ndn: .*\ncn:: TmlscyBOeXN0csO2bQ==\nsn:: TnlzdHLDtm0=\n/)
    const half = `dn: ${personDn('nils')}\nchangetype: modify\nreplace: title\ntitle: Boss\n-\ndelete: mobile\nmobile: 1\n`
    assert.equal((await change(half)).code, 16)
    assert.deepEqual(await valuesOf('nils', 'title'), ['Chef'])
    const number = await change(`dn: ${personDn('nils')}\nchangetype: modify\nincrement: uidNumber\nuidNumber: 1\n`)
    assert.equal(number.code, 53)
    assert.match(number.err, /uidNumber is given once and never changed/)
  })

  it('ldapmodrdn renames, within the unit only', async () => {
    const rename = (...args: string[]): Promise<Ran> => tool('ldapmodrdn', [...asAdmin, ...args])
    assert.equal((await rename('-r', personDn('nils'), 'uid=nisse')).code, 0)
    assert.equal((await search('-b', personDn('nils'), '-s', 'base')).code, 32)
    assert.deepEqual(await valuesOf('nisse', 'uid'), ['nisse'])
    assert.equal((await rename('-r', '-s', groups, personDn('nisse'), 'uid=nils')).code, 71)
    assert.equal((await rename(personDn('nisse'), 'uid=nils')).code, 53)
    const byLdif = await change(`dn: ${personDn('nisse')}\nchangetype: modrdn\nnewrdn: uid=nils\ndeleteoldrdn: 1\n`)
    assert.equal(byLdif.code, 0)
  })

  it('ldapcompare compares as the schema says, base64 too', async () => {
    const compare = async (assertion: string): Promise<number> =>
      (await tool('ldapcompare', [...asReader, personDn('nils'), assertion])).code
    assert.equal(await compare('sn:NYSTRÖM'), 6)
    assert.equal(await compare(`cn::${Buffer.from('nils  nyström').toString('base64')}`), 6)
    assert.equal(await compare('title:Cook'), 5)
    assert.equal(await compare('mobile:1'), 16)
    assert.equal(await compare(`userPassword:${password}`), 16)
  })

  it('ldappasswd sets, makes up and changes passwords, and says why not', async () => {
    assert.equal((await tool('ldappasswd', [...asAdmin, '-s', newPassword, personDn('nils')])).code, 0)
    const { out } = await tool('ldappasswd', [...asAdmin, personDn('nils')])
    const [, made] = /^New password: (\S+)$/m.exec(out)!
    assert.notEqual((await tool('ldapwhoami', as('nils', newPassword))).code, 0)
    const own = (...args: string[]): Promise<Ran> => tool('ldappasswd', [...as('nils', made), '-e', 'ppolicy', ...args])
    const old = await own('-a', 'not-this-one', '-s', newPassword)
    assert.match(old.out + old.err, /Invalid credentials \(49\)[\s\S]*old password is not right/)
    const short = await tool('ldappasswd', [...as('berit'), '-e', 'ppolicy', '-s', 'brief'])
    assert.match(short.out + short.err, /Constraint violation \(19\)[\s\S]*Password is too short for policy/)
    const mia = await tool('ldappasswd', [...as('mia'), '-e', 'ppolicy', '-a', password, '-s', newPassword])
    assert.equal(mia.code, 0)
    assert.equal((await tool('ldapwhoami', as('mia', newPassword))).code, 0)
  })

  it('ldapexop: what is known is answered, what is not is refused', async () => {
    const exop = async (...args: string[]): Promise<string> => {
      const { out, err } = await tool('ldapexop', args)
      return out + err
    }
    assert.equal(await exop(...asReader, 'whoami'), `dn:${staff.reader.dn}\n`)
    assert.equal(await exop('-ZZ', 'whoami'), 'anonymous\n')
    assert.match(await exop(...asReader, 'cancel', '7'), /No Operation to Cancel \(119\)/)
    assert.match(await exop(...asReader, 'refresh', personDn('nils'), '100'), /Protocol error \(2\)/)
    assert.match(await exop(...asReader, '1.2.3.4'), /Protocol error \(2\)/)
  })

  it('a search that is cancelled or abandoned ends, one that is over cannot be', async () => {
    const give = async (how: string, ...args: string[]): Promise<string> =>
      (await tool('ldapsearch', [...asReader, '-e', `!${how}`, '-b', people, ...args])).err
    assert.match(await give('cancel', '-E', '!sync=rp'), /cancel got 0: Success/)
    assert.match(await give('cancel'), /cancel got 119: No Operation to Cancel/)
    assert.match(await give('abandon', '-E', '!sync=rp'), /abandon got 0: Success/)
  })

  it('groups take members by name or by DN, those of plugins too', async () => {
    const about = (name: string, line: string): string => `dn: cn=${name},${groups}\nchangetype: modify\n${line}\n\n`
    const { code, err } = await change(
      [
        `dn: cn=welders,${groups}\nchangetype: add\nobjectClass: groupOfNames\nobjectClass: posixGroup\ncn: welders\n`,
        `gidNumber: 61000\ndescription:: ${Buffer.from('Svetsare i Malmö').toString('base64')}\n`,
        `member: ${personDn('berit')}\n\n`,
        about('welders', 'add: memberUid\nmemberUid: anna'),
        about('ftp_plugin', `add: member\nmember: ${personDn('berit')}`),
        about('welders', `delete: member\nmember: ${personDn('berit')}`),
      ].join(''),
    )
    assert.deepEqual([code, err], [0, ''])
    const { out } = await search('-b', groups, '(cn=welders)', 'memberUid')
    assert.match(out, /^memberUid: anna$/m)
    assert.doesNotMatch(out, /berit/)
    assert.ok((await valuesOf('berit', 'memberOf')).includes(`cn=ftp_plugin,${groups}`))
  })

  it('ldapdelete shows what it took, and is refused where it must be', async () => {
    const gone = await tool('ldapdelete', [...asAdmin, '-e', '!preread=sn', personDn('nils')])
    assert.equal(gone.code, 0)
    assert.match(gone.out, /sn:: TnlzdHLDtm0=/)
    const again = await tool('ldapdelete', [...asAdmin, personDn('nils')])
    assert.equal(again.code, 32)
    assert.match(again.err, new RegExp(`matched DN: ${people}`))
    assert.equal((await tool('ldapdelete', [...asReader, personDn('anna')])).code, 50)
    assert.equal((await tool('ldapdelete', [...asAdmin, people])).code, 66)
    assert.equal((await tool('ldapdelete', [...asAdmin, `cn=ftp_plugin,${groups}`])).code, 53)
  })

  it('ldapurl: what its URLs name with escapes is found', async () => {
    const follow = async (url: string): Promise<string[]> => {
      const { code, out } = await run('ldapurl', ['-H', url])
      assert.equal(code, 0, url)
      const {
        dn = '',
        scope = 'base',
        filter = '(objectClass=*)',
      } = Object.fromEntries([...out.matchAll(/^(\w+): (.*)$/gm)].map(([, name, value]) => [name!, value!]))
      return namesIn((await search('-b', dn, '-s', scope, filter, '1.1')).out)
    }
    const filter = '(&(sn=Åkesson)(!(cn=\\2a)))'
    const made = await run('ldapurl', ['-h', '127.0.0.1', '-b', people, '-s', 'one', '-f', filter, '-a', 'uid'])
    assert.match(made.out, /%C3%85kesson/)
    assert.deepEqual(await follow(made.out.trim()), ['anna'])
    assert.deepEqual(await follow(`ldap:///OU=Users,%20ou=ACCOUNTS,${base}?uid?sub?(mail=ANNA@example.lan)`), ['anna'])
    assert.deepEqual(await follow(`ldap:///uid=%61nna,${people}??base`), ['anna'])
    assert.deepEqual(await follow(`ldap:///${people}?uid?one?(cn=*%20\\c3\\96hman)`), ['berit'])
  })
})
