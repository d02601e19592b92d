import { createArena } from './arena.ts'
import { encodeBlock, type Line } from './block.ts'
import { type Entry, newEntry } from './entry.ts'
import { supportedExtensions } from './extended.ts'
import type { Call } from './operations.ts'
import { slotOf, standardSlots } from './slots.ts'
import { subschemaDn, subschemaValues } from './subschema.ts'
import type { Tree } from './tree.ts'
import { supportedControls } from './wire/controls.ts'

/** RFC 3673 (`+`), RFC 4529 (`@class`), RFC 4526 (absolute true and false filters), RFC 4525 (increment). */
const supportedFeatures = ['1.3.6.1.4.1.4203.1.5.1', '1.3.6.1.4.1.4203.1.5.2', '1.3.6.1.4.1.4203.1.5.3', '1.3.6.1.1.14']

const arena = createArena()

function standAlone(tree: Tree, rdn: string, classes: string[], lines: Line[]): Entry {
  const entry = newEntry('', undefined, tree.parts.find('', classes, lines, true))
  entry.key = rdn.toLowerCase()
  arena.keep(encodeBlock(lines, standardSlots, rdn), entry)
  return entry
}

const rootDses = new WeakMap<Tree, Map<string, Entry>>()

/** The entry with the empty name that tells what this server is, RFC 4512 section 5.1; it depends on how one came in. */
export function rootDse(tree: Tree, { session, services }: Pick<Call, 'session' | 'services'>): Entry {
  const base = tree.base()
  const name = base ? tree.dnOf(base) : ''
  const { door } = session
  const key = `${door}|${services.secureContext !== undefined}|${name}`
  const known = rootDses.get(tree) ?? new Map<string, Entry>()
  rootDses.set(tree, known)
  let entry = known.get(key)
  if (!entry) {
    entry = standAlone(
      tree,
      '',
      ['top'],
      [
        [slotOf('namingContexts'), base ? [name] : []],
        [slotOf('supportedLDAPVersion'), ['3']],
        [slotOf('supportedControl'), supportedControls],
        [slotOf('supportedExtension'), supportedExtensions(door === 'plain' && services.secureContext !== undefined)],
        [slotOf('supportedFeatures'), supportedFeatures],
        [slotOf('supportedSASLMechanisms'), door === 'unix' ? ['EXTERNAL'] : []],
        [slotOf('vendorName'), ['Account Synchronization']],
      ],
    )
    known.set(key, entry)
  }
  return entry
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
