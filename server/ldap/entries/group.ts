import { pluginGroup } from '../../extensions/extension.ts'
import { pluginByName } from '../../extensions/index.ts'
import type { GroupBody, PluginBody } from '../../store/bodies.ts'
import { escapeValue } from '../dn.ts'
import type { Described } from '../entry.ts'
import { everyone, pluginKey } from '../members.ts'
import { slotOf } from '../slots.ts'
import { operationalLines } from './times.ts'

// RFC 2307bis: groupOfMembers carries `member` and may be empty, posixGroup brings gidNumber and `memberUid`. With
// groupOfNames an empty group would break the schema, and with the structural posixGroup of RFC 2307 there is no `member`.
const classes = ['top', 'groupOfMembers', 'posixGroup']

const cn = slotOf('cn')
const gidNumber = slotOf('gidNumber')
const description = slotOf('description')

export const describeGroup = (id: string, body: GroupBody): Described => ({
  rdn: `cn=${escapeValue(body.name)}`,
  classes,
  lines: [
    [cn, [body.name]],
    [gidNumber, [String(body.gidNumber)]],
    [description, body.description ? [body.description] : []],
    ...operationalLines(id, body.added, body.changed),
  ],
  membersKey: body.type === 'builtin' && body.name === 'allusers' ? everyone : id,
})

/** The group whose members are the users that have the plugin. It is there while the plugin is on. */
export function describePlugin(id: string, body: PluginBody): Described {
  const name = pluginGroup(body)
  const summary = pluginByName(body.name)?.summary
  return {
    rdn: `cn=${escapeValue(name)}`,
    classes,
    lines: [
      [cn, [name]],
      [gidNumber, [String(body.gidNumber)]],
      [description, summary ? [summary] : []],
      [slotOf('entryUUID'), [id]],
    ],
    membersKey: pluginKey(body.name),
  }
}
