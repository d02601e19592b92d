import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { exportUsers } from '../../server/accounts/csv.ts'
import { groupByName } from '../../server/accounts/groups.ts'
import { type ImportJob, importDone, startImport, stopImport } from '../../server/accounts/import.ts'
import { signIn } from '../../server/accounts/sign-in.ts'
import { usersPage } from '../../server/accounts/user-lists.ts'
import { addUser, countUsers, userByUsername } from '../../server/accounts/users.ts'
import type { Actor } from '../../server/audit/actor.ts'
import { Invalid, Refused, Unavailable } from '../../server/errors.ts'
import { setUpOwn } from '../../server/mode/set-up.ts'
import { closeDb, type Db, openDb } from '../../server/store/db.ts'

const actor: Actor = { name: 'anna', via: 'this node' }
const header =
  'core.username,core.password,core.first_name,core.last_name,extensions.contact.telephone,plugins.ftp,groups'

let folder: string
let db: Db

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'import-'))
  db = await openDb(join(folder, 'master'))
  await setUpOwn(db, actor, { mode: 'master', domain: 'example.lan', admin: 'anna', password: 'Hello-anna-1' })
})

after(async () => {
  await closeDb(db)
  await rm(folder, { recursive: true, force: true })
})

async function run(text: string | Buffer, dryRun = false): Promise<ImportJob> {
  const job = await startImport(db, actor, { file: 'people.csv', text: Buffer.from(text as string), dryRun })
  return importDone(job.id)
}

const refusedLines = (job: ImportJob) => job.refused.map(({ line, column, reason }) => ({ line, column, reason }))

const fileProblem = async (text: string | Buffer): Promise<string> => {
  const error = await run(text).then(
    () => assert.fail('it was imported'),
    (error: unknown) => error,
  )
  assert.ok(error instanceof Invalid, String(error))
  return error.problems.file ?? ''
}

describe('import', () => {
  test('a quoted file adds people with groups, plugins and extension fields', async () => {
    const job = await run(
      '"core.username","core.password","core.first_name","core.last_name","extensions.contact.city","plugins.ftp","plugins.smtp","groups"\n' +
        '"gosta","Hello-gosta-100","Gösta","Ek","Malmö","1","0","sales, site_malmo"\n',
    )
    assert.deepEqual([job.state, job.total, job.done, job.added, job.refused], ['done', 1, 1, 1, []])
    assert.deepEqual(job.notices, ['Groups made, because the file names them: sales, site_malmo.'])
    const user = await userByUsername(db, 'gosta')
    assert.deepEqual([user.first, user.last, user.plugins], ['Gösta', 'Ek', ['ftp']])
    assert.deepEqual(user.extensions.contact, { city: 'Malmö' })
    assert.equal(user.groups.length, 2)
    assert.equal((await signIn(db, 'gosta', 'Hello-gosta-100')).username, 'gosta')
  })

  test('a broken value inside a file of an old Mac stays inside its value', async () => {
    const job = await run(
      `${header},extensions.contact.title\rmac1,,Åsa,Öberg,,0,,Head\rmac2,,Bo,Ek,,0,,"two\nlines"\r`,
    )
    assert.deepEqual(
      [job.added, refusedLines(job)],
      [
        1,
        [
          {
            line: 3,
            column: 'extensions.contact.title',
            reason: 'Title must be one line without control characters.',
          },
        ],
      ],
    )
  })

  test('a 0 for a plugin means off', async () => {
    await run(
      `${header}\nzero1,Hello-zero-1,Zero,One,,0,\nzero2,Hello-zero-2,Zero,Two,,no,\nzero3,Hello-zero-3,Zero,Three,,TRUE,`,
    )
    const plugins = await Promise.all(
      ['zero1', 'zero2', 'zero3'].map(async (name) => (await userByUsername(db, name)).plugins),
    )
    assert.deepEqual(plugins, [[], [], ['ftp']])
  })

  const shapes: [string, string | Buffer][] = [
    ['a byte order mark', `\ufeff${header}\nshape0,Hello-shape-0,Åsa,Öberg,+46 40 555 7260,1,sales\n`],
    ['CRLF', `${header}\r\nshape1,Hello-shape-1,Åsa,Öberg,+46 40 555 7260,1,sales\r\n`],
    ['old Mac line ends', `${header}\rshape2,Hello-shape-2,Åsa,Öberg,+46 40 555 7260,1,sales\r`],
    ['semicolons', `${header.replaceAll(',', ';')}\nshape3;Hello-shape-3;Åsa;Öberg;+46 40 555 7260;1;sales`],
    ['tabs', `${header.replaceAll(',', '\t')}\nshape4\tHello-shape-4\tÅsa\tÖberg\t+46 40 555 7260\t1\tsales`],
    [
      'a delimiter line',
      `sep=;\n${header.replaceAll(',', ';')}\nshape5;Hello-shape-5;Åsa;Öberg;+46 40 555 7260;1;sales`,
    ],
    [
      'spaces around quoted values',
      `${header}\n"shape6", "Hello-shape-6", "Åsa", "Öberg", "+46 40 555 7260", "1", "sales"\n`,
    ],
    ['UTF-16', Buffer.from(`\ufeff${header}\nshape7,Hello-shape-7,Åsa,Öberg,+46 40 555 7260,1,sales`, 'utf16le')],
    ['Windows-1252', Buffer.from(`${header}\nshape8,Hello-shape-8,Åsa,Öberg,+46 40 555 7260,1,sales`, 'latin1')],
    [
      'headers in other case and with spaces',
      `${header.replace('core.first_name', ' Core.First Name ')}\nshape9,Hello-shape-9,Åsa,Öberg,+46 40 555 7260,1,sales`,
    ],
  ]
  test('UTF-16 without a byte order mark is read, whichever half comes first', async () => {
    const text = (n: number) =>
      Buffer.from(`core.username;core.first_name;core.last_name\r\nhalf${n};Åsa;Ek\r\n`, 'utf16le')
    for (const [n, bytes] of [text(0), text(1).swap16()].entries()) {
      const job = await run(bytes)
      assert.deepEqual([job.added, job.refused], [1, []])
      assert.equal((await userByUsername(db, `half${n}`)).first, 'Åsa')
    }
  })

  for (const [at, [name, text]] of shapes.entries())
    test(`a file with ${name} is read`, async () => {
      const job = await run(text)
      assert.deepEqual([job.added, job.refused], [1, []])
      const user = await userByUsername(db, `shape${at}`)
      assert.deepEqual([user.first, user.last, user.plugins], ['Åsa', 'Öberg', ['ftp']])
      assert.deepEqual(user.extensions.contact, { telephone: '+46 40 555 7260' })
    })

  test('a bad row names its line, its column and the reason, and stops nothing else', async () => {
    const job = await run(
      [
        header,
        'good1,Hello-good-1,Good,One,,0,',
        '',
        'good1,Hello-good-1,Same,Name,,0,',
        'bad2,short,Bad,Two,,0,',
        'bad3,Hello-bad-3,Bad,Three,call me,0,',
        'bad4,Hello-bad-4,Bad,Four,,perhaps,',
        'bad5,Hello-bad-5,Bad',
        'bad6,Hello-bad-6,,Six,,0,',
        'bad7,Hello-bad-7,Bad,Seven,,0,wrong group',
        'gosta,Hello-gosta-200,Other,Ek,,0,',
        ',,,,,,',
        'good2,Hello-good-2,Good,Two,,1,sales',
      ].join('\n'),
    )
    assert.deepEqual([job.state, job.total, job.done, job.added, job.refusedRows], ['done', 10, 10, 2, 8])
    assert.deepEqual(
      refusedLines(job).sort((a, b) => a.line - b.line),
      [
        { line: 4, column: 'core.username', reason: '“good1” stands already in line 2.' },
        { line: 5, column: 'core.password', reason: 'Password must have at least 8 characters.' },
        {
          line: 6,
          column: 'extensions.contact.telephone',
          reason:
            'Telephone number may hold digits, spaces and + ( ) . / -, as in +46 40 555 7260. Write an extension as “ext 12”.',
        },
        { line: 7, column: 'plugins.ftp', reason: '“perhaps” must be 1 or 0, yes or no, true or false.' },
        { line: 8, column: undefined, reason: 'The row has 3 values; the header has 7.' },
        { line: 9, column: 'core.first_name', reason: 'First name is needed.' },
        {
          line: 10,
          column: 'groups',
          reason: 'wrong group: Spaces are not allowed in group names; write “_” instead, as in site_malmo.',
        },
        { line: 11, column: 'core.username', reason: '“gosta” already exists; nothing was changed.' },
      ],
    )
    assert.equal((await userByUsername(db, 'gosta')).first, 'Gösta')
    assert.equal((await userByUsername(db, 'good2')).first, 'Good')
  })

  test('a quotation mark that is never closed costs its own row only', async () => {
    const rows = Array.from({ length: 60 }, (_, n) => `after${n},,After,Row ${n},,0,`)
    const job = await run([header, '"open1,,Open,One,,0,', 'mid"dle,,Quote,Inside,,0,', ...rows].join('\n'), true)
    assert.equal(job.added, 60)
    assert.deepEqual(job.refused.map((row) => row.line).sort(), [2, 3])
    assert.match(job.refused[0]?.reason ?? '', /quotation mark/)
  })

  test('line breaks inside a quoted value are counted as an editor counts them', async () => {
    const job = await run(`${header},notes\nlines1,,Lines,One,,0,,"two\nlines"\nlines2,,,Two,,0,,\n`, true)
    assert.equal(job.added, 1)
    assert.deepEqual(
      job.refused.map((row) => row.line),
      [4],
    )
  })

  test('columns that are not known here are ignored, each kind said once', async () => {
    const job = await run(
      'core.username,core.first_name,core.last_name,extensions.zarafa.hard_quota,plugins.fax,shoe size\nfew1,Few,One,100,1,44\n',
    )
    assert.equal(job.added, 1)
    assert.deepEqual(job.notices, [
      'Ignored, because the extension or plugin is turned off: extensions.zarafa.hard_quota.',
      'Ignored, because this node has no such extension field or plugin: plugins.fax.',
      'Ignored, because these columns are not known: shoe_size.',
    ])
    assert.equal((await userByUsername(db, 'few1')).hasPassword, false)
  })

  test('a dry run says what would be, and writes nothing', async () => {
    const before = db.position
    const people = await countUsers(db)
    const job = await run(`${header}\ndry1,Hello-dry-1,Dry,One,,0,dry_group\ndry2,x,Dry,Two,,0,other_group\n`, true)
    assert.deepEqual([job.added, job.refusedRows], [1, 1])
    assert.deepEqual(job.notices, ['Groups that would be made, because the file names them: dry_group.'])
    assert.deepEqual([db.position, await countUsers(db)], [before, people])
  })

  test('a group that only bad rows name is not made', async () => {
    await run(`${header}\nnever1,x,Never,One,,0,never_group\n`)
    await assert.rejects(groupByName(db, 'never_group'))
  })

  const notFiles: [string, string | Buffer, RegExp][] = [
    ['an empty file', '', /It is empty/],
    ['a header without rows', `${header}\n`, /a header and no rows/],
    ['a workbook', Buffer.from('PK\u0003\u0004\u0014\0\u0006\0[Content_Types].xml'), /Save it as CSV/],
    ['a picture', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0, 0]), /not a text file/],
    ['no usernames', 'core.first_name,core.last_name\nA,B\n', /no column core.username/],
    ['a column twice', `${header},core.username\nx,,,,,,,x\n`, /names the column core.username 2 times/],
    ['more than 20 MB', Buffer.alloc(20 * 1024 * 1024 + 1, 'a'), /at most 20 MB/],
  ]
  for (const [name, text, sentence] of notFiles)
    test(`a file with ${name} is refused as a whole`, async () => assert.match(await fileProblem(text), sentence))

  test('more than 200,000 rows are refused as a whole', async () => {
    const text = `core.username,core.first_name,core.last_name\n${'a,b,c\n'.repeat(200_001)}`
    assert.match(await fileProblem(text), /more than 200,000 rows/)
  })

  test('one import runs at a time; it can be stopped between two rows', async () => {
    const rows = Array.from({ length: 400 }, (_, n) => `many${n},Hello-many-${n},Many,Row ${n},,0,`)
    const text = Buffer.from([header, ...rows].join('\n'))
    const job = await startImport(db, actor, { file: 'many.csv', text, dryRun: false })
    await assert.rejects(startImport(db, actor, { file: 'again.csv', text, dryRun: false }), Refused)
    stopImport(job.id)
    const { state, done, added, total } = await importDone(job.id)
    assert.deepEqual([state, total, done === added], ['stopped', 400, true])
    assert.ok(done < 400)
    const { rows: found } = await usersPage(db, { search: 'many', size: 500 })
    assert.equal(found.length, added)
  })

  test('a node that is not set up refuses', async () => {
    const fresh = await openDb(join(folder, 'fresh'))
    await assert.rejects(
      startImport(fresh, actor, { file: 'a.csv', text: Buffer.from(header), dryRun: true }),
      Unavailable,
    )
    await closeDb(fresh)
  })
})

describe('export', () => {
  test('what is exported is imported again as it was, but for passwords', async () => {
    let csv = ''
    for await (const text of exportUsers(db)) csv += text
    assert.doesNotMatch(csv, /Hello-|argon2|core\.password/)
    assert.match(csv, /"'\+46 40 555 7260"/)

    const other = await openDb(join(folder, 'other'))
    try {
      await setUpOwn(other, actor, { mode: 'standalone', domain: 'other.lan', admin: 'anna', password: 'Hello-anna-1' })
      const started = await startImport(other, actor, { file: 'export.csv', text: Buffer.from(csv), dryRun: false })
      const job = await importDone(started.id)
      assert.deepEqual(
        refusedLines(job).map((row) => row.reason),
        ['“anna” already exists; nothing was changed.'],
      )
      const all = async (db: Db) =>
        (await usersPage(db, { sort: 'username', size: 500 })).rows
          .filter((user) => user.username !== 'anna')
          .map(({ username, first, last, status, role, plugins, extensions, groupNames }) => ({
            ...{ username, first, last, status, role, plugins, extensions, groupNames },
          }))
      assert.deepEqual(await all(other), await all(db))
    } finally {
      await closeDb(other)
    }
  })

  test('what looks like a formula, or like a guarded one, comes back as it was', async () => {
    const titles = ['=1+1', "'=1+1", "''=1+1", '-1', "'-", "'", "''", "'x", '+46', '＝1', "'＝1"]
    const people = titles.map((title, n) => ({ username: `formula${n}`, last: title, title }))
    for (const { username, last, title } of people)
      await addUser(db, actor, { username, first: 'F', last, extensions: { contact: { title } } })
    let csv = ''
    for await (const text of exportUsers(db)) csv += text
    assert.equal(/(^|,)"[=+\-@\t＝＋－＠]/m.test(csv), false)
    const job = await startImport(db, actor, { file: 'e.csv', text: Buffer.from(csv), dryRun: true, mode: 'both' })
    const { changed, added, refused } = await importDone(job.id)
    assert.deepEqual([changed, added, refused], [0, 0, []])
  })

  test('the sample organisation fits', async () => {
    const text = await readFile(new URL('../../sample/organisation.csv', import.meta.url))
    const job = await run(text, true)
    assert.deepEqual([job.total, job.added, job.refused], [300, 300, []])
  })
})
