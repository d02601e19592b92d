import { randomBytes } from 'node:crypto'
import { type Entry, isGone } from './entry.ts'
import type { Finder } from './find.ts'
import { isSameWho, type Session, type Who } from './who.ts'

/** A search of which a client takes one page after the other. */
export type PagedSearch = {
  finder: Finder
  /** What was asked: the next page must ask the same. */
  asked: string
  /** Who asked, and with what eyes. */
  who: Who
  sent: number
  /** Found already, for the next page: that there is one tells whether this page is the last. */
  ahead: Entry | undefined
}

/** As many as one connection may have under way; an older one is given up for a new one. */
const mostPages = 16

export const newPagedSearch = (finder: Finder, asked: string, who: Who): PagedSearch => ({
  finder,
  asked,
  who,
  sent: 0,
  ahead: undefined,
})

/** Takes a search up again; undefined when its cookie is not known, or belongs to another search or to other eyes. */
export function takeUp(session: Session, cookie: string, asked: string, who: Who): PagedSearch | undefined {
  const search = session.pages.get(cookie)
  session.pages.delete(cookie)
  session.shelf.take(cookie)
  return search?.asked === asked && isSameWho(search.who, who) ? search : undefined
}

/** Keeps a search for its next page; the cookie that brings it back. */
export function putAside(session: Session, search: PagedSearch): string {
  const cookie = randomBytes(12).toString('latin1')
  for (const old of session.pages.keys()) {
    if (session.pages.size < mostPages) break
    session.pages.delete(old)
    session.shelf.take(old)
  }
  session.pages.set(cookie, search)
  session.shelf.put(session.pages, cookie, search.finder.held?.() ?? 0)
  return cookie
}

/** The entries of one page. */
export function pageOf(search: PagedSearch, size: number): Finder {
  let left = size
  return {
    next(deadline) {
      // Removed since it was found: then it is not told.
      const { ahead } = search
      search.ahead = undefined
      const found = ahead && !isGone(ahead) ? ahead : search.finder.next(deadline)
      if (found === undefined || typeof found === 'symbol') return found
      if (left === 0) {
        search.ahead = found
        return undefined
      }
      left--
      return found
    },
  }
}
