import { catchUp } from './catch-up.ts'
import { first } from './first.ts'
import { dump, search } from './load.ts'
import type { Measure } from './measure.ts'
import { node } from './node.ts'
import { propagation } from './propagation.ts'
import { sync } from './sync.ts'

/** Every measure, in the order it is taken: what one leaves running serves the next. */
export const measures = { sync, propagation, 'catch-up': catchUp, search, dump, node, first } satisfies Record<
  string,
  Measure
>

export type MeasureName = keyof typeof measures
export const measureNames = Object.keys(measures) as MeasureName[]
