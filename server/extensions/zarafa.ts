import { defineExtension } from './extension.ts'
import { choice, onOff } from './field.ts'

const megabytes = [100, 250, 500, 1000, 2000, 3000, 4000, 5000, 10000, 20000, 30000, 40000, 50000, 100000]

/** Zarafa, later called Kopano. Soft quota and warning follow from the hard quota: 95 and 90 %. */
export const zarafa = defineExtension({
  name: 'zarafa',
  title: 'Zarafa Extension',
  alias: {
    name: 'Kopano',
    objectClass: 'kopano-user',
    attribute: (own) => own.replace('zarafa', 'kopano'),
  },
  summary: 'Provides Zarafa (Kopano) attributes, notably quota settings.',
  objectClass: 'zarafa-user',
  isOnAtFirst: false,
  user: {
    account: onOff({
      label: 'Account',
      attribute: 'zarafaAccount',
      column: 'account_flag',
      initial: 'yes',
      ldap: ['1', '0'],
    }),
    administrator: onOff({
      label: 'Administrator privileges',
      attribute: 'zarafaAdmin',
      column: 'administrator_flag',
      initial: 'no',
      ldap: ['1', '0'],
    }),
    hardQuota: choice({
      label: 'Hard quota',
      attribute: 'zarafaQuotaHard',
      column: 'hard_quota',
      help: 'At 90 % of it a warning is sent, at 95 % no more mail.',
      matching: 'integer',
      options: [
        ...megabytes.map((mb) => ({
          value: String(mb),
          label: mb < 1000 ? `${mb} MB` : `${(mb / 1000).toLocaleString('en')} GB`,
        })),
        { value: '0', label: 'Unlimited' },
      ],
      initial: '10000',
    }),
  },
  derived: {
    zarafaQuotaOverride: ({ hardQuota }) => (hardQuota === undefined ? undefined : '1'),
    zarafaQuotaSoft: ({ hardQuota }) => share(hardQuota, 0.95),
    zarafaQuotaWarn: ({ hardQuota }) => share(hardQuota, 0.9),
  },
})

const share = (quota: string | undefined, part: number): string | undefined =>
  quota === undefined ? undefined : String(Math.round(Number(quota) * part))
