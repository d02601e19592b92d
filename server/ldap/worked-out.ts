import type { Entry } from './entry.ts'
import type { Tree } from './tree.ts'

/** Attributes that no entry keeps: they follow from where it stands, and from what else has changed. */
export const workedOut = {
  /** RFC 5020 */
  entryDN: (tree, entry) => tree.dnOf(entry),
  /** As OpenLDAP has them, for who replicates from here: csn.ts. */
  entryCSN: (tree, entry) => tree.csnOf(tree.versions.of(entry)) || undefined,
  contextCSN: (tree, entry) => (entry === tree.base() ? tree.csnOf(tree.lastSeq()) || undefined : undefined),
  hasSubordinates: (_, entry) => (entry.children ? (entry.children.size > 0 ? 'TRUE' : 'FALSE') : undefined),
} satisfies Record<string, (tree: Tree, entry: Entry) => string | undefined>
