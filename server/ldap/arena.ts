/** A piece of memory that holds the blocks of many entries. It is garbage as soon as no entry points to it. */
export type Slab = { bytes: Buffer; live: number }

/** Where the block of an entry is kept. */
export type Kept = { slab: Slab; at: number; size: number }

export type Arena = {
  /** Copies a block in and points `kept` to it. */
  keep: (block: Buffer, kept: Kept) => void
  release: (kept: Kept) => void
  /** Copies a block to a fuller slab when its own is mostly waste. */
  tidy: (kept: Kept) => void
  /** True when more memory is wasted than used. */
  isWasteful: () => boolean
}

const slabSize = 256 * 1024
const slackBytes = 8 * slabSize

export function createArena(): Arena {
  let current: Slab = newSlab(slabSize)
  let used = 0
  let total = slabSize
  let live = 0

  function newSlab(size: number): Slab {
    return { bytes: Buffer.allocUnsafeSlow(size), live: 0 }
  }

  function place(size: number): { slab: Slab; at: number } {
    if (size > slabSize / 4) {
      total += size
      return { slab: newSlab(size), at: 0 }
    }
    if (used + size > slabSize) {
      if (current.live === 0) total -= slabSize
      current = newSlab(slabSize)
      used = 0
      total += slabSize
    }
    used += size
    return { slab: current, at: used - size }
  }

  function keep(block: Buffer, kept: Kept): void {
    const { slab, at } = place(block.length)
    slab.bytes.set(block, at)
    slab.live += block.length
    live += block.length
    kept.slab = slab
    kept.at = at
    kept.size = block.length
  }

  function release(kept: Kept): void {
    kept.slab.live -= kept.size
    live -= kept.size
    if (kept.slab.live === 0 && kept.slab !== current) total -= kept.slab.bytes.length
  }

  function tidy(kept: Kept): void {
    const { slab } = kept
    if (slab === current || slab.live > slab.bytes.length * 0.7) return
    const block = slab.bytes.subarray(kept.at, kept.at + kept.size)
    release(kept)
    keep(block, kept)
  }

  return { keep, release, tidy, isWasteful: () => total > live * 1.6 + slackBytes }
}
