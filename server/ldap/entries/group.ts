import { pluginGroup } from '../../extensions/extension.ts'
import { builtInPlugins } from '../../extensions/index.ts'
import type { GroupBody, PluginBody } from '../../store/bodies.ts'
import { escapeValue } from '../dn.ts'
import type { Described } from '../entry.ts'
import { everyone, pluginKey } from '../members.ts'
import type { Schema } from '../schema.ts'
import { groupClasses } from '../schema-classes.ts'
import { slotOf } from '../slots.ts'
import { extensionLines, undeclared } from './extension.ts'
import { operationalLines } from './times.ts'
import { type Domain, groupInWindows } from './windows.ts'

const cn = slotOf('cn')
const gidNumber = slotOf('gidNumber')
const description = slotOf('description')

export function describeGroup(schema: Schema, id: string, body: GroupBody, domain?: Domain): Described {
  const { extensions = {} } = body
  const windows = groupInWindows(body, domain)
  return {
    rdn: `cn=${escapeValue(body.name)}`,
    classes: windows?.classes ?? groupClasses,
    lines: [
      [cn, [body.name]],
      [gidNumber, [String(body.gidNumber)]],
      [description, body.description ? [body.description] : []],
      ...(windows?.lines ?? []),
      ...extensionLines(schema, extensions, 'group'),
      ...operationalLines(id, body.added, body.changed),
    ],
    membersKey: body.type === 'builtin' && body.name === 'allusers' ? everyone : id,
    groupsAbove: body.groups,
    ...(windows?.holds !== undefined && { holds: windows.holds }),
    undeclared: undeclared(schema, extensions),
  }
}

/**
 * The group whose members are the users that have the plugin. It is there while the plugin is on. `since`: when the directory
 * was made, for plugins keep no times of their own.
 */
export function describePlugin(id: string, body: PluginBody, since: string): Described {
  const name = pluginGroup(body)
  const { summary } = body.own ?? builtInPlugins.find((plugin) => plugin.name === body.name) ?? {}
  return {
    rdn: `cn=${escapeValue(name)}`,
    classes: groupClasses,
    lines: [
      [cn, [name]],
      [gidNumber, [String(body.gidNumber)]],
      [description, summary ? [summary] : []],
      ...operationalLines(id, since),
    ],
    membersKey: pluginKey(body.name),
  }
}
