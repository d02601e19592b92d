import { z } from 'zod'
import { baseDomain } from '../accounts/domain.ts'
import { addMachineNameHere, keepReportHere, secretsHere } from '../replication/samba.ts'
import { ldapHere } from '../replication/serving.ts'
import { administrator, type Domain, domainOf, setUpDomain, windowsPeople } from '../samba/domain.ts'
import { addMachine, machineByName, machineList, removeMachine } from '../samba/machines.ts'
import { reportsOf, sambaReport } from '../samba/reports.ts'
import { command } from './command.ts'
import { moment, named, none, nothing, text } from './shapes.ts'

const shownDomain = z
  .object({ name: z.string(), sid: z.string(), added: moment })
  .meta({ id: 'WindowsDomain', description: 'The Windows domain that Samba serves from here.' })

const shownWindows = z
  .object({
    domain: shownDomain.optional(),
    administrator: z.string(),
    withAccount: z.int().meta({ description: 'People with a Windows account.' }),
    withHash: z.int().meta({ description: 'Those of whom an NT hash is kept.' }),
    name: z.string().meta({ description: 'Of this node.' }),
    mode: z.enum(['standalone', 'master', 'slave']).optional(),
    masterUrl: z.string().optional(),
    baseDomain: z.string().optional(),
    server: sambaReport.optional().meta({ description: 'Samba of this node, as it was found last.' }),
    ldapUrl: z.string().optional().meta({ description: 'Where Samba on this machine reaches LDAP.' }),
  })
  .meta({ id: 'Windows', description: 'Windows Networking, as this node sees it.' })

const shownMachine = z
  .object({
    id: z.string(),
    name: z.string(),
    kind: z.enum(['workstation', 'server', 'trust']),
    uidNumber: z.int(),
    sid: z.string().optional().meta({ description: 'Absent while it has not joined.' }),
    flags: z.string(),
    description: z.string().optional(),
    passwordChanged: moment.optional(),
    added: moment,
    changed: moment,
  })
  .meta({ id: 'Machine', description: 'A computer in the Windows domain.' })

const shown = ({ name, sid, added }: Domain): z.input<typeof shownDomain> => ({ name, sid, added })

const secrets = z.object({
  dn: z.string(),
  password: z.string().meta({ description: 'Told this once.' }),
  names: z.object({ dn: z.string(), password: z.string().meta({ description: 'Told this once.' }) }),
  machine: z.string(),
  machinePassword: z.string().meta({ description: 'Told this once.' }),
  aheadSeconds: z.number().meta({ description: 'By how much the clock of the master is ahead.' }),
})

export const sambaCommands = {
  'windows-show': command('read', none, shownWindows, async ({ db }) => {
    const [domain, people, base] = await Promise.all([domainOf(db), windowsPeople(db), baseDomain(db)])
    const { name, mode, masterUrl } = db.local
    return {
      ...(domain && { domain: shown(domain) }),
      ...people,
      administrator: administrator.username,
      name,
      mode,
      masterUrl,
      baseDomain: base,
      ldapUrl: ldapHere(db),
      server: reportsOf(db).get(db.local.deviceId),
    }
  }),
  'windows-set-up': command(
    'change',
    z.strictObject({ name: text, password: text.optional(), sid: text.optional() }),
    shownDomain,
    async ({ db, actor }, input) => shown(await setUpDomain(db, actor, input)),
  ),
  'samba-secrets': command('change', z.strictObject({ server: text }), secrets, ({ db, actor }, { server }) =>
    secretsHere(db, actor, server),
  ),
  'samba-report': command('change', z.strictObject({ report: sambaReport }), nothing, ({ db }, { report }) =>
    keepReportHere(db, report),
  ),
  'samba-add-machine': command('change', named, nothing, ({ db, actor }, { name }) =>
    addMachineNameHere(db, actor, name),
  ),
  'machine-list': command('read', none, z.array(shownMachine), ({ db }) => machineList(db)),
  'machine-show': command('read', named, shownMachine, ({ db }, { name }) => machineByName(db, name)),
  'machine-add': command(
    'change',
    z.strictObject({ name: text, description: text.optional() }),
    shownMachine,
    ({ db, actor }, input) => addMachine(db, actor, input),
  ),
  'machine-remove': command('change', named, nothing, ({ db, actor }, { name }) => removeMachine(db, actor, name)),
}
