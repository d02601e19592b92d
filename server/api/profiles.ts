import { z } from 'zod'
import {
  addProfile,
  changeProfile,
  type Profile,
  profileByName,
  profileList,
  removeProfile,
} from '../accounts/profiles.ts'
import { command } from './command.ts'
import { expected, moment, named, none, nothing, text, texts, typedValues } from './shapes.ts'
import { unlessChanged } from './unless-changed.ts'

const shownProfile = z
  .object({
    id: z.string(),
    seq: z.int(),
    name: z.string(),
    description: z.string(),
    groups: z.array(z.string()),
    plugins: z.array(z.string()),
    extensions: z.record(z.string(), z.record(z.string(), z.string())),
    added: moment,
    changed: moment,
  })
  .meta({ id: 'Profile', description: 'A template for new people; values may hold {first}, {last}, {username}.' })

const shown = ({ groupNames, ...profile }: Profile): z.input<typeof shownProfile> => ({
  ...profile,
  groups: groupNames,
})

const given = {
  description: text.optional(),
  groups: texts.optional().meta({ description: 'The whole list.' }),
  plugins: texts.optional().meta({ description: 'The whole list.' }),
  extensions: typedValues.optional(),
}

export const profileCommands = {
  'profile-list': command('read', none, z.array(shownProfile), async ({ db }) => (await profileList(db)).map(shown)),
  'profile-show': command('read', named, shownProfile, async ({ db }, { name }) =>
    shown(await profileByName(db, name)),
  ),
  'profile-add': command('change', named.extend(given), shownProfile, async ({ db, actor }, args) =>
    shown(await addProfile(db, actor, args)),
  ),
  'profile-change': command(
    'change',
    z.strictObject({ profile: text, ...expected, name: text.optional(), ...given }),
    shownProfile,
    ({ db, actor }, { profile, expectedSeq, ...input }) =>
      unlessChanged(
        expectedSeq,
        () => profileByName(db, profile),
        async ({ id }) => shown(await changeProfile(db, actor, id, input, expectedSeq)),
      ),
  ),
  'profile-remove': command('change', named.extend(expected), nothing, async ({ db, actor }, { name, expectedSeq }) => {
    await unlessChanged(
      expectedSeq,
      () => profileByName(db, name),
      ({ id }) => removeProfile(db, actor, id, expectedSeq),
    )
  }),
}
