import type { Form } from './form.ts'
import { count, listed, people } from './say.ts'

type Named = { usernames: string[]; groups: string[] }

/** Who is to come into a group and who is to go, as the page of the group says it. */
export type TypedMembers = { join: Named; leave: Named }

export const typedMembers = (form: Form, mayGroups: boolean): TypedMembers => ({
  join: { usernames: form.list('join'), groups: mayGroups ? form.list('join-groups') : [] },
  leave: { usernames: form.list('leave'), groups: mayGroups ? form.list('leave-groups') : [] },
})

const lists = ({ join, leave }: TypedMembers): { name: string; verb: string; names: string[] }[] => [
  { name: 'join', verb: 'add', names: join.usernames },
  { name: 'join-groups', verb: 'add', names: join.groups },
  { name: 'leave', verb: 'take out', names: leave.usernames },
  { name: 'leave-groups', verb: 'take out', names: leave.groups },
]

export const howMany = (members: TypedMembers): number =>
  lists(members).reduce((sum, { names }) => sum + names.length, 0)

/** 2 people added, 1 group taken out */
export function said({ join, leave }: TypedMembers): string {
  const of = (named: Named, word: string) => {
    const parts = [
      ...(named.usernames.length > 0 ? [people(named.usernames.length)] : []),
      ...(named.groups.length > 0 ? [count(named.groups.length, 'group')] : []),
    ]
    return parts.length > 0 ? [`${listed(parts)} ${word}`] : []
  }
  return [...of(join, 'added'), ...of(leave, 'taken out')].join(', ')
}

/** What was not saved, to be sent again with the form that comes back. */
export const pending = (members: TypedMembers): { name: string; value: string; label: string }[] =>
  lists(members).flatMap(({ name, verb, names }) => names.map((value) => ({ name, value, label: `${verb} ${value}` })))
