import type { Seen } from '../store/file-places.ts'
import type { Marks } from './folder.ts'
import { maskedMode } from './names.ts'

/** What the feed says of a file. */
export type Wanted = { path: string; sha256: string; mode: number; size: number; sealed?: boolean }

/** What to do about one path. `look`: only its content tells. */
export type Step =
  /** Here it changed: the feed follows. */
  | { do: 'publish'; path: string }
  | { do: 'unpublish'; path: string }
  /** The feed changed: the directory follows. */
  | { do: 'put'; path: string; wanted: Wanted; isEdited: boolean }
  | { do: 'mode'; path: string; wanted: Wanted }
  | { do: 'remove'; path: string; isEdited: boolean }
  | { do: 'look'; path: string; wanted: Wanted; seen: Seen | undefined }
  | { do: 'forget'; path: string }

const isAsLeft = (found: Marks, seen: Seen): boolean =>
  found.size === seen.size && found.mtime === seen.mtime && found.inode === seen.inode && found.mode === seen.mode

/**
 * Three states of each path: what the feed wants, what lies there, and how this node left it. What differs from how it was
 * left has changed here; what the feed says otherwise has changed there. Where this node leads, the directory wins; where it
 * follows, the feed.
 */
export function plan(
  leads: boolean,
  wanted: ReadonlyMap<string, Wanted>,
  found: ReadonlyMap<string, Marks>,
  seen: ReadonlyMap<string, Seen>,
): Step[] {
  const steps: Step[] = []
  for (const path of new Set([...wanted.keys(), ...found.keys(), ...seen.keys()])) {
    const step = stepFor(leads, path, wanted.get(path), found.get(path), seen.get(path))
    if (step) steps.push(step)
  }
  return steps
}

function stepFor(
  leads: boolean,
  path: string,
  want: Wanted | undefined,
  is: Marks | undefined,
  was: Seen | undefined,
): Step | undefined {
  if (is && was && isAsLeft(is, was)) {
    if (!want) return { do: 'remove', path, isEdited: false }
    if (want.sha256 !== was.sha256) return { do: 'put', path, wanted: want, isEdited: false }
    // Where it leads, what others may do with the file is its own affair.
    const mode = leads ? maskedMode(is.mode) : is.mode
    return maskedMode(want.mode) === mode ? undefined : { do: 'mode', path, wanted: want }
  }
  if (leads) {
    if (is) return { do: 'publish', path }
    if (want && was && want.sha256 === was.sha256) return { do: 'unpublish', path }
    return want ? { do: 'put', path, wanted: want, isEdited: false } : { do: 'forget', path }
  }
  if (!want) {
    // What this node never put there is somebody else's.
    if (!was) return undefined
    return is ? { do: 'remove', path, isEdited: true } : { do: 'forget', path }
  }
  if (is) return { do: 'look', path, wanted: want, seen: was }
  return { do: 'put', path, wanted: want, isEdited: was !== undefined && was.sha256 === want.sha256 }
}
