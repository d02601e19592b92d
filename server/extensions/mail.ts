import { defineExtension } from './extension.ts'
import { email, list, onOff } from './field.ts'

const address = /^[^\s@<>(),;:"[\]\\]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)+$/i

/**
 * What a mail server looks up. Aliases are local parts, as in the ancestor: `sales`, of whatever domain the server is for,
 * and so they share the pool of names of users and groups. The person's own address stands in the Contact Extension.
 */
export const mail = defineExtension({
  name: 'mail',
  title: 'Mail Extension',
  summary: 'Provides mail aliases and forwarders, and makes groups distribution lists.',
  objectClass: 'clearMailAccount',
  isOnAtFirst: false,
  user: {
    address: email({
      label: 'Mailbox address',
      attribute: 'mailLocalAddress',
      help: 'Where the mail server delivers. The address that people see stands under Contact.',
      isName: true,
    }),
    aliases: list({
      label: 'Aliases',
      entry: 'Alias',
      attribute: 'clearMailAliases',
      help: 'Other names that get this person’s mail, without a domain, one a line, as in sales.',
      isName: true,
      maxLength: 64,
      pattern: /^[a-z0-9_][a-z0-9_.$-]*$/i,
      patternHelp: 'An alias has a–z, 0–9, “_”, “-”, “.” and no domain, as in sales.',
      tidy: (entry) => entry.toLowerCase(),
    }),
    forwarders: list({
      label: 'Forwarders',
      entry: 'Forwarder',
      attribute: 'clearMailForwarders',
      help: 'Addresses that get a copy of every message, one a line, as in anna@example.com.',
      maxLength: 254,
      pattern: address,
      patternHelp: 'A forwarder must look like name@example.com.',
    }),
  },
  group: {
    objectClass: 'clearMailGroupAccount',
    fields: {
      distributionList: onOff({
        label: 'Distribution list',
        attribute: 'clearMailDistributionList',
        column: 'distribution_list',
        help: 'Mail to the group goes to every member.',
        initial: 'yes',
        ldap: ['1', '0'],
      }),
      mail: email({ label: 'E-mail of the group', attribute: 'mail', help: 'As in sales@example.com.' }),
    },
  },
})
