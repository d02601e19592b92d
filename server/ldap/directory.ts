import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Changed } from '../store/bodies.ts'
import { describeClient } from './entries/client.ts'
import { describeGroup, describePlugin } from './entries/group.ts'
import { describeUser } from './entries/user.ts'
import { createTree, type Tree } from './tree.ts'

/** What LDAP answers from: every entry in memory, kept up to date from the feed. */
export type Directory = {
  /** Takes in what a commit changed. Searches of the same tick see it. */
  apply: (changes: readonly Changed[]) => void
  /**
   * Builds a fresh state from everything there is, a slice at a time, and puts it in place of the old one when it is whole.
   * Changes that are applied meanwhile are in both.
   */
  load: (chunks: AsyncIterable<readonly Changed[]>) => Promise<void>
  readonly size: number
  /** The state to answer from. A search that goes on over several ticks keeps the one it began with. */
  readonly tree: Tree
}

/** How long objects are put in before other work gets a turn. */
const sliceMs = 8
/** Objects between two looks at the clock. */
const stride = 20

export function createDirectory(): Directory {
  let tree = createTree()
  // Changes during a load, to be repeated on the state that is being built.
  let meanwhile: Changed[] | undefined
  let isTidying = false

  function apply(changes: readonly Changed[]): void {
    applyTo(tree, changes)
    meanwhile?.push(...changes)
    if (tree.arena.isWasteful() && !isTidying) void tidy(tree)
  }

  async function load(chunks: AsyncIterable<readonly Changed[]>): Promise<void> {
    if (meanwhile) throw new Error('the directory is being loaded already')
    meanwhile = []
    try {
      const fresh = createTree()
      for await (const chunk of chunks) {
        await applyInSlices(fresh, chunk)
        await nextTurn()
      }
      // While one slice of late changes is applied, more may come; in the end none are left within a tick.
      for (let late = meanwhile; late.length > 0; late = meanwhile) {
        meanwhile = []
        await applyInSlices(fresh, late)
      }
      tree = fresh
    } finally {
      meanwhile = undefined
    }
  }

  async function applyInSlices(target: Tree, changes: readonly Changed[]): Promise<void> {
    let turnEnds = performance.now() + sliceMs
    for (let at = 0; at < changes.length; at += stride) {
      applyTo(target, changes.slice(at, at + stride))
      if (performance.now() < turnEnds) continue
      await nextTurn()
      turnEnds = performance.now() + sliceMs
    }
  }

  /** Entries that were changed often leave holes behind; moving what is left lets whole slabs go. */
  async function tidy(target: Tree): Promise<void> {
    isTidying = true
    let count = 0
    for (const entry of target.entries()) {
      if (entry.place >= 0) target.arena.tidy(entry)
      if (++count % 2000 === 0) await nextTurn()
    }
    isTidying = false
  }

  return {
    apply,
    load,
    get size() {
      return tree.size()
    },
    get tree() {
      return tree
    },
  }
}

/** One change after the other, in any order of kinds: what refers to something that is not there yet finds it later. */
function applyTo(tree: Tree, changes: readonly Changed[]): void {
  for (const change of changes) {
    const known = tree.seqOf(change.id)
    if (known !== undefined && known >= change.seq) continue
    applyOne(tree, change)
    tree.setSeq(change.id, change.seq, change.body !== undefined)
  }
}

function applyOne(tree: Tree, change: Changed): void {
  const { id } = change
  switch (change.kind) {
    case 'user':
      if (change.body) tree.put(id, 'users', describeUser(id, change.body))
      else tree.remove(id)
      return
    case 'group':
      if (change.body) tree.put(id, 'groups', describeGroup(id, change.body))
      else tree.remove(id)
      return
    case 'client':
      if (change.body) tree.put(id, 'internal', describeClient(id, change.body))
      else tree.remove(id)
      return
    case 'plugin':
      if (change.body?.on) tree.put(id, 'groups', describePlugin(id, change.body))
      else tree.remove(id)
      return
    case 'extension':
      if (change.body) tree.setExtension(change.body.name, change.body.on)
      return
    case 'domain':
      if (change.body) tree.setBase(id, change.body.baseDomain, change.body.added)
      return
    case 'numbers':
    case 'device':
      return
  }
}
