import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addMembers } from '../../server/accounts/group-members.ts'
import { addGroup } from '../../server/accounts/groups.ts'
import { scrub } from '../../server/replication/scrub.ts'
import { setUpDomain } from '../../server/samba/domain.ts'
import { me } from '../support/people.ts'
import { aMasterStore } from '../support/store.ts'

test('a node with a Windows domain finds nothing to mend in what is made of the feed', async () => {
  const store = await aMasterStore()
  const outer = await addGroup(store.db, me, { name: 'outer', description: '' })
  await addGroup(store.db, me, { name: 'inner', description: '' })
  await addMembers(store.db, me, outer.id, { groups: ['inner'] })
  await setUpDomain(store.db, me, { name: 'EXAMPLE', password: 'Kastanjen-7-blommar' })
  assert.deepEqual((await scrub(store.db)).mended, [])
  await store.close()
})
