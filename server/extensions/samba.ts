import { defineExtension } from './extension.ts'
import { onOff } from './field.ts'

/** Windows Networking for a person. The attributes that Samba itself reads and writes come with the domain. */
export const samba = defineExtension({
  name: 'samba',
  title: 'Samba Extension',
  summary: 'Provides necessary attributes for Windows Networking.',
  objectClass: 'sambaSamAccount',
  isOnAtFirst: false,
  isOutOfLdap: true,
  user: {
    account: onOff({
      label: 'Windows account',
      attribute: 'sambaAccount',
      column: 'account',
      help: 'May sign in to Windows computers and file shares of the domain.',
      initial: 'no',
    }),
  },
})
