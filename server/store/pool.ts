/**
 * A short list of numbers for each place, all in one piece of memory: as arrays or texts of their own, those of 100,000
 * people would take several times as much, and be slower to go through.
 */
export type Pool<A extends Uint8Array | Uint32Array> = {
  values: A
  starts: Uint32Array
  sizes: Uint32Array
  /** Values up to here are taken, and so many of them are no place's any more. */
  used: number
  wasted: number
}

export const bytePool = (): Pool<Uint8Array> => ({ ...noPlaces(), values: new Uint8Array(0) })
export const numberPool = (): Pool<Uint32Array> => ({ ...noPlaces(), values: new Uint32Array(0) })

const noPlaces = () => ({ starts: new Uint32Array(0), sizes: new Uint32Array(0), used: 0, wasted: 0 })

/** Gives a place another list. */
export function keepAt<A extends Uint8Array | Uint32Array>(
  pool: Pool<A>,
  place: number,
  list: ArrayLike<number>,
): void {
  pool.starts = withRoom(pool.starts, place + 1)
  pool.sizes = withRoom(pool.sizes, place + 1)
  pool.wasted += pool.sizes[place] ?? 0
  pool.sizes[place] = 0
  if (pool.wasted > pool.used / 4 + 10_000) tidy(pool)
  pool.values = withRoom(pool.values, pool.used + list.length)
  pool.values.set(list, pool.used)
  pool.starts[place] = pool.used
  pool.sizes[place] = list.length
  pool.used += list.length
}

function tidy<A extends Uint8Array | Uint32Array>(pool: Pool<A>): void {
  const old = pool.values.slice(0, pool.used)
  pool.used = 0
  for (let place = 0; place < pool.sizes.length; place++) {
    const size = pool.sizes[place] as number
    const start = pool.starts[place] as number
    if (size > 0) pool.values.set(old.subarray(start, start + size), pool.used)
    pool.starts[place] = pool.used
    pool.used += size
  }
  pool.wasted = 0
}

/** The same values in an array that has room for `size`, and for some more when it must grow. */
export function withRoom<A extends Uint8Array | Uint32Array | Int32Array>(values: A, size: number): A {
  if (size <= values.length) return values
  const grown = new (values.constructor as new (length: number) => A)(Math.ceil(size * 1.2) + 64)
  grown.set(values)
  return grown
}
