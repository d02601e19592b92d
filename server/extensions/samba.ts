import { defineExtension } from './extension.ts'
import { onOff, text } from './field.ts'

const unc = /^\\\\[^\s\\/:*?"<>|]+(\\[^\\/:*?"<>|]+)+$/

/**
 * Windows Networking for a person. What follows from the account (SID, flags, times) is no field; in LDAP it all stands
 * together while the domain is set up: ldap/entries/windows.ts.
 */
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
    logonScript: text({
      label: 'Logon script',
      attribute: 'sambaLogonScript',
      column: 'logon_script',
      help: 'A file of the netlogon share, as in logon.cmd.',
      maxLength: 255,
    }),
    homeDrive: text({
      label: 'Home drive',
      attribute: 'sambaHomeDrive',
      column: 'home_drive',
      pattern: /^[A-Za-z]:$/,
      patternHelp: 'Home drive must be a letter and a colon, as in H:.',
    }),
    homePath: text({
      label: 'Home folder',
      attribute: 'sambaHomePath',
      column: 'home_path',
      help: 'What the home drive shows.',
      pattern: unc,
      patternHelp: String.raw`Home folder must be a share or a folder in one, as in \\server\anna.`,
    }),
    profilePath: text({
      label: 'Roaming profile',
      attribute: 'sambaProfilePath',
      column: 'profile_path',
      maxLength: 255,
      pattern: unc,
      patternHelp: String.raw`Roaming profile must be a folder in a share, as in \\server\profiles\anna.`,
    }),
    workstations: text({
      label: 'Only at these computers',
      attribute: 'sambaUserWorkstations',
      column: 'workstations',
      help: 'Names with commas between; empty: at all.',
      maxLength: 255,
    }),
    comment: text({ label: 'Comment', attribute: 'description', column: 'comment' }),
  },
})
