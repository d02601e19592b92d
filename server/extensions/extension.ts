import type { Field } from './field.ts'

// biome-ignore lint/suspicious/noExplicitAny: a set of fields of mixed value types
export type Fields = Record<string, Field<any>>

/** Values of a set of fields as they are kept: only those that were given. */
export type Values<F extends Fields> = { [K in keyof F]?: F[K] extends Field<infer T> ? T : never }

/** An extension adds attributes to a user's profile. Everything that shows, checks, keeps or serves them loops over `user`. */
export type Extension<F extends Fields = Fields> = {
  name: string
  title: string
  summary: string
  /** The object class that carries the attributes; added to the entry unless every user has it already. */
  objectClass: string
  user: F
  /** Fields of groups, and the object class that carries their attributes. */
  group?: { objectClass: string; fields: Fields }
  /** Attributes of users that follow from the values; they are computed, never kept. */
  derived?: Record<string, (values: Values<F>) => string | undefined>
  /** Turned on when a cluster is set up; the others wait until somebody turns them on. */
  isOnAtFirst: boolean
  /** The name under which others know it, as Kopano for Zarafa, and what stands in LDAP under that name as well. */
  alias?: { name: string; objectClass: string; attribute: (own: string) => string }
  /** Made in the pages of this cluster, not declared in the program. */
  isOwn?: boolean
  /** Gives no LDAP attributes: they come from elsewhere, and the object class alone would break the schema. */
  isOutOfLdap?: boolean
  /** A rule across fields: field name -> sentence. */
  check?: (values: Values<F>) => Record<string, string>
}

/** A plugin turns one service on or off for a user; it appears in LDAP as the group `<name>_plugin`. */
export type Plugin = {
  name: string
  title: string
  /** Short name for badges and narrow columns. */
  badge: string
  summary: string
  /** Turned on when a cluster is set up. */
  isOnAtFirst: boolean
  isOwn?: boolean
}

type Given<T extends { isOnAtFirst: boolean }> = Omit<T, 'isOnAtFirst'> & { isOnAtFirst?: boolean }

export const defineExtension = <F extends Fields>(extension: Given<Extension<F>>): Extension<F> => ({
  isOnAtFirst: true,
  ...extension,
})

export const definePlugin = (plugin: Given<Plugin>): Plugin => ({ isOnAtFirst: true, ...plugin })

/** The declaration with the LDAP names of its alias, for services that ask for those. */
export function underAlias(extension: Extension): Extension | undefined {
  const { alias, user, derived = {} } = extension
  if (!alias) return undefined
  const renamed = <T>(of: Record<string, T>, key: (key: string) => string, value: (value: T) => T): Record<string, T> =>
    Object.fromEntries(Object.entries(of).map(([name, each]) => [key(name), value(each)]))
  return {
    ...extension,
    objectClass: alias.objectClass,
    user: renamed(
      user,
      (name) => name,
      (field) => ({ ...field, attribute: alias.attribute(field.attribute) }),
    ),
    derived: renamed(derived, alias.attribute, (of) => of),
  }
}

/** The group a plugin appears as in LDAP and NSS. */
export const pluginGroup = (plugin: Pick<Plugin, 'name'>): string => `${plugin.name}_plugin`
