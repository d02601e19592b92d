import { catchUp } from './catch-up.ts'
import { files } from './files.ts'
import { first } from './first.ts'
import { fleet } from './fleet.ts'
import { ldapLoad } from './ldap-load.ts'
import { ldapMany } from './ldap-many.ts'
import { dump, search } from './load.ts'
import type { Measure, OwnMeasure } from './measure.ts'
import { node } from './node.ts'
import { pages } from './pages.ts'
import { propagation } from './propagation.ts'
import { replicationMany } from './replication-many.ts'
import { sustained } from './sustained.ts'
import { sync } from './sync.ts'

/** Every measure, in the order it is taken: what one leaves running serves the next. */
export const measures = {
  'replication-sync': sync,
  'replication-propagation': propagation,
  'replication-catch-up': catchUp,
  'replication-sustained': sustained,
  search,
  dump,
  node,
  first,
} satisfies Record<string, Measure>

/** Those that bring their own stores; they are taken last. */
export const ownMeasures = {
  pages,
  'ldap-load': ldapLoad,
  'ldap-many': ldapMany,
  'replication-many': replicationMany,
  'replication-fleet': fleet,
  files,
} satisfies Record<string, OwnMeasure>

export type MeasureName = keyof typeof measures | keyof typeof ownMeasures
export const measureNames = [...Object.keys(measures), ...Object.keys(ownMeasures)] as MeasureName[]
