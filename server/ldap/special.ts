import { createArena } from './arena.ts'
import { encodeBlock, type Line } from './block.ts'
import { type Entry, newEntry } from './entry.ts'
import { supportedExtensions } from './extended.ts'
import { slotOf, standardSlots } from './slots.ts'
import { subschemaDn, subschemaValues } from './subschema.ts'
import type { Tree } from './tree.ts'
import { supportedControls } from './wire/controls.ts'

/** RFC 3673 (`+`) and RFC 4526 (absolute true and false filters). */
const supportedFeatures = ['1.3.6.1.4.1.4203.1.5.1', '1.3.6.1.4.1.4203.1.5.3']

const arena = createArena()

function standAlone(tree: Tree, rdn: string, classes: string[], lines: Line[]): Entry {
  const entry = newEntry('', undefined, tree.parts.find('', classes, lines, true))
  entry.key = rdn.toLowerCase()
  arena.keep(encodeBlock(lines, standardSlots, rdn), entry)
  return entry
}

const rootDses = new WeakMap<Tree, { base: string; entry: Entry }>()

/** The entry with the empty name that tells what this server is, RFC 4512 section 5.1. */
export function rootDse(tree: Tree): Entry {
  const base = tree.base()
  const name = base ? tree.dnOf(base) : ''
  let known = rootDses.get(tree)
  if (known?.base !== name) {
    const entry = standAlone(
      tree,
      '',
      ['top'],
      [
        [slotOf('namingContexts'), base ? [name] : []],
        [slotOf('supportedLDAPVersion'), ['3']],
        [slotOf('supportedControl'), supportedControls],
        [slotOf('supportedExtension'), supportedExtensions],
        [slotOf('supportedFeatures'), supportedFeatures],
        [slotOf('vendorName'), ['Account Synchronization']],
      ],
    )
    known = { base: name, entry }
    rootDses.set(tree, known)
  }
  return known.entry
}

const subschemas = new WeakMap<Tree, { version: number; entry: Entry }>()

export function subschema(tree: Tree): Entry {
  const version = tree.schema.version()
  let known = subschemas.get(tree)
  if (known?.version !== version) {
    if (known) arena.release(known.entry)
    const lines = Object.entries(subschemaValues(tree.schema)).map(([name, values]): Line => [slotOf(name), values])
    known = {
      version,
      entry: standAlone(tree, subschemaDn, ['top', 'subentry', 'subschema'], [[slotOf('cn'), ['Subschema']], ...lines]),
    }
    subschemas.set(tree, known)
  }
  return known.entry
}
