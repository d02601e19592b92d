import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { run } from './programs.ts'
import { base, people, personDn, type Staff, startStaff } from './staff.ts'

// ldapvi shows entries in an editor and saves what was changed in them. The editor is sed.

const editor = `#!/bin/sh
for file; do :; done
cp "$file" shown
sed -i "$EDIT" "$file"
`

describe('ldapvi at a node', () => {
  let staff: Staff
  let dir: string
  before(async () => {
    staff = await startStaff()
    dir = mkdtempSync(join(tmpdir(), 'ldapvi-'))
    writeFileSync(join(dir, 'editor'), editor)
    chmodSync(join(dir, 'editor'), 0o755)
  })
  after(async () => {
    await staff?.close()
    rmSync(dir, { recursive: true, force: true })
  })

  /** It wants a terminal, which `script` is. `answers`: the keys at its question. */
  async function edit(args: string[], sed: string, answers = 'y'): Promise<{ said: string; shown: string }> {
    const line = ['ldapvi', ...args].map((word) => `'${word}'`).join(' ')
    const env = { EDITOR: join(dir, 'editor'), EDIT: sed, PAGER: 'cat', TERM: 'dumb', HOME: dir }
    const { out } = await run('script', ['-qec', line, '/dev/null'], { env, cwd: dir, input: `${answers}\n` })
    return { said: out, shown: readFileSync(join(dir, 'shown'), 'utf8') }
  }

  const byAdmin = (filter: string): string[] => [
    ...['-h', staff.url, '--bind', 'simple', '-D', staff.admin.dn, '-w', staff.admin.password],
    ...['-b', people, filter],
  ]
  const dnOf = async (filter: string): Promise<string[]> => {
    const { dn, password } = staff.reader
    const args = ['-x', '-LLL', '-o', 'ldif-wrap=no', '-H', staff.url, '-D', dn, '-w', password, '-b', base]
    const { out } = await run('ldapsearch', [...args, filter, '1.1'])
    return [...out.matchAll(/^dn: (.*)$/gm)].map(([, dn]) => dn!)
  }

  it('shows an entry and saves what was edited', async () => {
    const { said, shown } = await edit(byAdmin('(uid=anna)'), 's/^sn:.*/sn: Nyström/')
    assert.match(shown, /^cn:; Anna Åkesson$/m)
    assert.match(said, /modify: 1[\s\S]*Done\./)
    assert.deepEqual(await dnOf('(cn=Anna Nyström)'), [personDn('anna')])
  })

  it('says why a change was refused, and keeps it for another try', async () => {
    const { said } = await edit(byAdmin('(uid=anna)'), 's/^uidNumber:.*/uidNumber: 7777/', 'yq')
    assert.match(said, /unwilling to perform \(53\)/)
    assert.match(said, /uidNumber is given once and never changed/)
    assert.match(said, /Your changes have been saved/)
  })

  it('renames, adds and removes as its text says', async () => {
    const renamed = await edit(byAdmin('(uid=berit)'), 's/^0 uid=berit/0 uid=britta/; s/^uid: berit/uid: britta/')
    assert.match(renamed.said, /rename: 1[\s\S]*Done\./)
    // Another record in its place: the one goes, the other comes.
    const other = 's/^0 uid=britta/add uid=nils/; s/^uid: .*/uid: nils/; /^\\(uidNumber\\|memberOf\\)/d'
    const replaced = await edit(byAdmin('(uid=britta)'), other)
    assert.match(replaced.said, /add: 1, rename: 0, modify: 0, delete: 1[\s\S]*Done\./)
    assert.deepEqual(await dnOf('(|(uid=berit)(uid=britta)(uid=nils))'), [personDn('nils')])
  })

  it('finds the base by itself, and comes in by SASL EXTERNAL', async () => {
    const external = ['-Q', '-Y', 'EXTERNAL', '-h', staff.socketUrl, '--discover', '(uid=anna)', 'uid']
    const { said, shown } = await edit(external, '')
    assert.match(said, /No changes/)
    assert.match(shown, new RegExp(`^0 ${personDn('anna')}$`, 'm'))
  })
})
