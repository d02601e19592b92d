import { copyBlock, type Line } from './block.ts'
import type { Entry } from './entry.ts'
import type { Schema } from './schema.ts'
import { type Slot, slotOf } from './slots.ts'
import { subschemaDn } from './subschema.ts'

/** What many entries have in common: their container, their object classes, which of their slots may be seen. */
export type Part = {
  container: string
  /** Folded names of the object classes. */
  classes: Set<string>
  /** objectClass and the operational attributes that follow from it, as a block. */
  block: Buffer
  /** 1 for each slot that may be seen. */
  visible: Uint8Array
  entries: Entry[]
  /** Extensions that the entries have values of. */
  extensions: ReadonlySet<string>
  /** Works block, classes and visible out again, after an extension was turned on or off, or the schema has grown. */
  refresh: () => void
}

export type Parts = {
  /** The part for an entry with these object classes and these lines. */
  find: (container: string, classes: readonly string[], lines: readonly Line[], isLeaf: boolean) => Part
  all: () => Iterable<Part>
  /** Those whose entries have a class, by its folded name. */
  ofClass: (name: string) => readonly Part[]
  enter: (entry: Entry, part: Part) => void
  leave: (entry: Entry) => void
}

const objectClassSlot = slotOf('objectClass')
const structuralSlot = slotOf('structuralObjectClass')
const subschemaSlot = slotOf('subschemaSubentry')
const subordinatesSlot = slotOf('hasSubordinates')

export function createParts(schema: Schema): Parts {
  const { slots, objectClassByName, isOn } = schema
  const parts = new Map<string, Part>()
  const byClass = new Map<string, readonly Part[]>()

  function find(container: string, classes: readonly string[], lines: readonly Line[], isLeaf: boolean): Part {
    const brings: number[] = []
    // Slots of attributes that more than one slot may hold: which of them an entry has decides what is shown.
    const contested: Slot[] = []
    for (const [slot, values] of lines) {
      if (values.length === 0) continue
      const { bring, isContested } = slots[slot]!
      if (bring !== undefined && !brings.includes(bring)) brings.push(bring)
      if (isContested) contested.push(slot)
    }
    const key = `${container}|${classes}|${brings}|${contested}|${isLeaf}`
    let part = parts.get(key)
    if (!part) {
      part = createPart(container, classes, brings.map(schema.classesBrought), contested, isLeaf)
      parts.set(key, part)
      byClass.clear()
    }
    return part
  }

  function createPart(
    container: string,
    own: readonly string[],
    brought: { extension: string; classes: readonly string[] }[],
    contested: Slot[],
    isLeaf: boolean,
  ): Part {
    const part: Part = {
      container,
      classes: new Set(),
      block: Buffer.alloc(0),
      visible: new Uint8Array(0),
      entries: [],
      extensions: new Set(brought.map(({ extension }) => extension)),
      refresh() {
        const classes = [...new Set([...own, ...brought.flatMap((each) => (isOn(each.extension) ? each.classes : []))])]
        part.classes = new Set(classes.flatMap(withSuperclasses))
        byClass.clear()
        part.block = copyBlock([
          [objectClassSlot, classes],
          [structuralSlot, [structuralOf(classes)]],
          [subschemaSlot, [subschemaDn]],
          [subordinatesSlot, isLeaf ? ['FALSE'] : []],
        ])
        part.visible = visibleSlots(contested)
      },
    }
    part.refresh()
    return part
  }

  /** An extension that is off hides its slots; of several that hold one attribute, what an extension gives goes before. */
  function visibleSlots(contested: Slot[]): Uint8Array {
    const visible = new Uint8Array(slots.length)
    slots.forEach(({ extension, isLive }, slot) => {
      visible[slot] = isLive && (!extension || isOn(extension)) ? 1 : 0
    })
    const byPreference = [...contested].sort((a, b) => Number(!slots[a]!.extension) - Number(!slots[b]!.extension))
    const shown = new Set<unknown>()
    for (const slot of byPreference) {
      if (!visible[slot]) continue
      if (shown.has(slots[slot]!.type)) visible[slot] = 0
      shown.add(slots[slot]!.type)
    }
    return visible
  }

  function withSuperclasses(name: string): string[] {
    const names: string[] = []
    for (let above = objectClassByName(name); above; above = above.sup ? objectClassByName(above.sup) : undefined) {
      names.push(above.name.toLowerCase())
    }
    return names
  }

  /** The structural class lowest in its chain, RFC 4512 section 2.4.2: the last one, as all lists here go from top down. */
  const structuralOf = (classes: readonly string[]): string =>
    classes.findLast((name) => objectClassByName(name)?.kind === 'STRUCTURAL') ?? 'top'

  function ofClass(name: string): readonly Part[] {
    let found = byClass.get(name)
    if (!found) {
      found = [...parts.values()].filter(({ classes }) => classes.has(name))
      byClass.set(name, found)
    }
    return found
  }

  function enter(entry: Entry, part: Part): void {
    if (entry.place >= 0 && entry.part === part) return
    leave(entry)
    entry.part = part
    entry.place = part.entries.push(entry) - 1
  }

  function leave(entry: Entry): void {
    if (entry.place < 0) return
    const { entries } = entry.part
    const last = entries.pop()!
    if (last !== entry) {
      entries[entry.place] = last
      last.place = entry.place
    }
    entry.place = -1
  }

  return { find, enter, leave, all: () => parts.values(), ofClass }
}
