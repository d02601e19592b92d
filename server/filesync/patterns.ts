import { RE2JS } from 're2js'

export const maxPatterns = 100

/** Why a pattern cannot be used; undefined when it can. */
export function patternProblem(pattern: string): string | undefined {
  if (pattern === '' || pattern.length > 200) return 'A pattern has 1 to 200 characters.'
  if (pattern.startsWith('/') || pattern.split('/').includes('..')) return `“${pattern}” must stay below the directory.`
  return undefined
}

/** Which paths a set takes from its directory. `*` and `?` stay within a name, `**` crosses folders; without a slash, any folder is meant. */
export function chooser(include: readonly string[], exclude: readonly string[]): (path: string) => boolean {
  const [wanted, unwanted] = [include.map(compiled), exclude.map(compiled)]
  return (path) => (wanted.length === 0 || wanted.some((one) => one(path))) && !unwanted.some((one) => one(path))
}

function compiled(pattern: string): (path: string) => boolean {
  const anchored = pattern.includes('/') ? pattern : `**/${pattern}`
  const source = anchored.replace(/\*\*\/|\*\*|\*|\?|[^*?]+/g, (part) => {
    if (part === '**/') return '(?:.*/)?'
    if (part === '**') return '.*'
    if (part === '*') return '[^/]*'
    if (part === '?') return '[^/]'
    return RE2JS.quote(part)
  })
  // What names a folder means everything in it.
  const regex = RE2JS.compile(`${source}(?:/.*)?`, RE2JS.DOTALL)
  return (path) => regex.matches(path)
}
