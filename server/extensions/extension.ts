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
}

export const defineExtension = <F extends Fields>(extension: Extension<F>): Extension<F> => extension

export const definePlugin = (plugin: Plugin): Plugin => plugin

/** The group a plugin appears as in LDAP and NSS. */
export const pluginGroup = (plugin: Pick<Plugin, 'name'>): string => `${plugin.name}_plugin`
