import { type Declared, declared } from '../accounts/declarations.ts'
import { type Group, type GroupInput, ownerNames } from '../accounts/groups.ts'
import type { Problems } from '../errors.ts'
import type { Db } from '../store/db.ts'
import { fieldViews, initialValues, sectionTitle, typedValues } from './field-view.ts'
import type { Form } from './form.ts'

const words = (text: string): string[] => text.split(/[\s,;]+/).filter(Boolean)

/** What was typed about a group. Fields of extensions that are off are not on the form, so they stay as they are. */
export function typedGroup(form: Form, known: Declared, group?: Group): GroupInput {
  const extensions = known.extensions.flatMap(({ name, on, group: ofGroups }) =>
    on && ofGroups ? [[name, typedValues(form, { name }, ofGroups.fields, group?.extensions?.[name])] as const] : [],
  )
  return {
    // A group of Windows keeps its name: there is nothing to type.
    name: group?.type === 'windows' ? group.name : form.text('name'),
    description: form.text('description'),
    ...(form.has('shown-owners') && {
      owners: [...new Set([...form.list('owners'), ...words(form.text('add-owner'))])],
    }),
    extensions: Object.fromEntries(extensions),
  }
}

/** Everything the form of a group shows: what was typed, else what is kept. */
export async function groupForm(db: Db, given: { group?: Group; typed?: GroupInput; problems?: Problems | undefined }) {
  const { group, problems = {} } = given
  const [known, saved] = await Promise.all([declared(db), ownerNames(db, group ?? {})])
  const typed: GroupInput = given.typed ?? {
    name: group?.name ?? '',
    description: group?.description ?? '',
    owners: saved,
  }
  const owners = typed.owners ?? saved
  return {
    typed,
    problems,
    saved: group,
    sections: known.extensions.flatMap(({ name, title, on, group: ofGroups }) =>
      on && ofGroups
        ? [
            {
              title: sectionTitle({ title }),
              fields: fieldViews(
                { name },
                ofGroups.fields,
                group?.extensions?.[name],
                typed.extensions?.[name] ?? (group ? undefined : initialValues(ofGroups.fields)),
                problems,
              ),
            },
          ]
        : [],
    ),
    chosenOwners: [...new Set([...saved, ...owners])].map((name) => ({
      name,
      checked: owners.includes(name),
      saved: saved.includes(name),
    })),
  }
}
