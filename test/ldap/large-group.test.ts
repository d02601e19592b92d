import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { later } from '../../server/ldap/later.ts'
import { aDirectory, aGroup, aUser, change, organisation, uuid } from './sample.ts'

const large = uuid(500)
const person = (number: number, groups: string[]) =>
  change('user', uuid(1000 + number), aUser({ username: `p${number}`, uidNumber: 5000 + number, groups }))

describe('the members of a large group', () => {
  const directory = aDirectory([
    ...organisation(),
    change('group', large, aGroup({ name: 'large', gidNumber: 60100 })),
    ...Array.from({ length: 2000 }, (_, i) => person(i, [large])),
  ])
  const { tree } = directory
  const group = tree.entryById(large)!
  // With no time left, each turn does the least that it can.
  const noTime = 0

  it('are listed over several turns, and then kept', () => {
    const listOf = tree.members.lister()
    let turns = 1
    let list = listOf(group, noTime)
    for (; list === later; list = listOf(group, noTime)) turns++
    assert.ok(turns > 2, `${turns} turns`)
    assert.equal(tree.members.blockOf(group), list)
    assert.equal(String(list).match(/uid=p\d+,ou=Users/g)?.length, 2000)
    assert.equal(listOf(group, noTime), list)
  })

  it('who join, leave or go meanwhile are right for whoever asks next, and the list that was begun comes to its end', () => {
    directory.apply([person(0, [])])
    const listOf = tree.members.lister()
    assert.equal(listOf(group, noTime), later)
    directory.apply([person(0, [large]), person(1, []), change('user', uuid(1002), undefined)])
    let list = listOf(group, noTime)
    while (list === later) list = listOf(group, noTime)
    const names = new Set(String(list).match(/(?<=uid=)p\d+(?=,)/g))
    assert.equal(names.has('p1999'), true)
    const now = new Set(String(tree.members.blockOf(group)).match(/(?<=uid=)p\d+(?=,)/g))
    assert.deepEqual([now.size, now.has('p0'), now.has('p1'), now.has('p2')], [1998, true, false, false])
  })
})
