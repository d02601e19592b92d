import type { CommandName } from './commands.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/**
 * One thing that the API does. `{name}` in the path is the argument of the command that is called so; of what is left, a GET
 * takes everything from the query and the others from the body, but for what `query` names.
 */
export type Route = {
  method: Method
  path: string
  command: CommandName
  /** What it does, in a sentence. */
  does: string
  query?: readonly string[]
  /** Arguments that the route settles itself. */
  fixed?: Record<string, unknown>
  /** Where what was added stands from now on. */
  at?: string
  /** The body is a file, whole. */
  takesFile?: boolean
  /** Changes this node itself, and no account: done on a slave too. */
  isLocal?: boolean
  /** Answered as this kind of text instead of JSON. */
  gives?: 'text/csv' | 'text/ldif'
}

const list = (path: string, command: CommandName, does: string): Route => ({ method: 'GET', path, command, does })
const get = list
const add = (path: string, command: CommandName, does: string, at?: string): Route => ({
  method: 'POST',
  path,
  command,
  does,
  ...(at && { at }),
})
const act = add
const put = (path: string, command: CommandName, does: string): Route => ({ method: 'PUT', path, command, does })
const patch = (path: string, command: CommandName, does: string): Route => ({ method: 'PATCH', path, command, does })
const remove = (path: string, command: CommandName, does: string): Route => ({ method: 'DELETE', path, command, does })

/** The API, whole. Who may call what stands with each command. */
export const routes: readonly Route[] = [
  get('/status', 'status', 'What this node is, and how it stands.'),
  act('/check', 'check', 'Read everything that is kept, and compare it with the state hash.'),
  list('/devices', 'device-list', 'The slaves of this master.'),
  get('/devices/{device}', 'device-show', 'One slave.'),
  get('/devices/{device}/lag', 'device-lag', 'How far it was behind in the last 24 hours.'),
  put('/devices/{device}/scope', 'device-scope', 'Say which secrets travel to it.'),
  act('/devices/{device}/stolen', 'device-stolen', 'Cut it off, and have whose secrets it held set new passwords.'),
  list('/join-codes', 'join-code-list', 'Join codes that are good still, without the codes.'),
  act('/join-codes', 'join-code-add', 'Make a code with which one device joins once.'),
  remove('/join-codes/{name}', 'join-code-remove', 'Take a join code back.'),
  list('/receipts', 'receipt-list', 'Who has confirmed that somebody is shut out; the newest first.'),
  get('/receipts/{row}', 'receipt-show', 'One receipt, by the row of the audit that it belongs to.'),
  remove('/devices/{device}', 'device-revoke', 'Cut a slave off; it receives nothing more.'),
  act('/master/recovery-code', 'recovery-code', 'Make the code with which a slave is promoted; in the answer, once.'),
  act('/master/hand-over', 'hand-over', 'A slave becomes master, this node its slave; answered when it is done.'),
  get('/master/promotion', 'promote-plan', 'On a slave: what would be lost if it became master now.'),
  { ...act('/master/promote', 'promote', 'On a slave: become master, with the recovery code.'), isLocal: true },
  { ...act('/master/follow', 'follow', 'On a slave: ask another address from now on.'), isLocal: true },
  { ...act('/master/detach', 'detach', 'On a slave: be standalone, with the accounts as they are.'), isLocal: true },
  { ...act('/master/rejoin', 'rejoin', 'On a former master: become a slave of the new one.'), isLocal: true },
  list('/master/unshipped', 'unshipped-list', 'Changes that were made here and that the new master never got.'),
  { ...remove('/master/unshipped/{file}', 'unshipped-forget', 'Remove a list of them.'), isLocal: true },
  get('/settings', 'settings-show', 'What is settled for the whole cluster.'),
  patch('/settings', 'settings-change', 'Change settings.'),

  list('/file-sets', 'file-set-list', 'Sets of files that follow the accounts.'),
  add('/file-sets', 'file-set-add', 'Add a set.', '/file-sets/{name}'),
  get('/file-sets/{name}', 'file-set-show', 'One set, and how it is on each slave.'),
  patch('/file-sets/{set}', 'file-set-change', 'Change a set; what is not named stays.'),
  remove('/file-sets/{name}', 'file-set-remove', 'Remove a set; its files go from the slaves.'),
  list('/file-sets/{set}/files', 'file-list', 'Its files, as they are now.'),
  list('/file-sets/{set}/versions', 'file-versions', 'The versions of one file that are kept.'),
  get('/file-sets/{set}/diff', 'file-diff', 'What one version has that another had not.'),
  act('/file-sets/{set}/restore', 'file-restore', 'Make an earlier version the one of now.'),
  { ...put('/file-sets/{set}/place', 'file-place-set', 'Say where it lies on this node.'), isLocal: true },
  { ...remove('/file-sets/{set}/place', 'file-place-remove', 'Look after it on this node no longer.'), isLocal: true },
  get('/file-places', 'file-allowed-show', 'What this machine allows for files.'),
  act('/certificates/renew', 'certificates-renew', 'Make the certificates of services anew.'),

  list('/users', 'user-list', 'People, by username unless sorted otherwise.'),
  add('/users', 'user-add', 'Add a person.', '/users/{username}'),
  get('/users/{name}', 'user-show', 'One person.'),
  patch('/users/{name}', 'user-change', 'Change a person; what is not named stays.'),
  remove('/users/{name}', 'user-remove', 'Remove a person, to the recycle bin.'),
  put('/users/{name}/password', 'user-password', 'Set a password, or have one made.'),
  act('/users/{name}/invitation', 'user-invite', 'Make a link with which the person sets a first password.'),
  remove('/users/{name}/invitation', 'user-uninvite', 'Make that link worthless.'),
  put('/users/{name}/status', 'user-status', 'Enable, disable, lock or unlock.'),
  get('/users/{name}/policy', 'user-policy', 'The password policy in force for a person.'),
  get('/users/{name}/plugins/{plugin}', 'user-why', 'May this person use the service, and why.'),

  list('/groups', 'group-list', 'Groups, by name unless sorted otherwise.'),
  add('/groups', 'group-add', 'Add a group.', '/groups/{name}'),
  get('/groups/{name}', 'group-show', 'One group.'),
  patch('/groups/{group}', 'group-change', 'Change a group; its members stay.'),
  remove('/groups/{name}', 'group-remove', 'Remove a group, to the recycle bin.'),
  list('/groups/{group}/members', 'user-list', 'Who is in it, also through other groups.'),
  act('/groups/{group}/members', 'group-add-member', 'Take people and groups into it.'),
  act('/groups/{group}/members/remove', 'group-remove-member', 'Take people and groups out of it.'),

  list('/plugins', 'plugin-list', 'Every plugin.'),
  add('/plugins', 'plugin-add', 'Make a plugin of your own.', '/plugins/{name}'),
  get('/plugins/{name}', 'plugin-show', 'One plugin.'),
  patch('/plugins/{name}', 'plugin-change', 'Turn a plugin on or off for everyone; change one of your own.'),
  remove('/plugins/{name}', 'plugin-remove', 'Remove a plugin of your own, and take it from everybody.'),
  list('/plugins/{name}/users', 'plugin-users', 'Who has it.'),
  act('/plugins/{name}/users', 'plugin-enable', 'Turn it on for people.'),
  act('/plugins/{name}/users/remove', 'plugin-disable', 'Turn it off for people.'),

  list('/extensions', 'extension-list', 'Every extension with its fields.'),
  add('/extensions', 'extension-add', 'Make an extension of your own.', '/extensions/{name}'),
  get('/extensions/{name}', 'extension-show', 'One extension.'),
  patch('/extensions/{name}', 'extension-set', 'Turn an extension on or off; its values stay.'),
  remove('/extensions/{name}', 'extension-remove', 'Remove an extension of your own, with its values.'),
  get('/extensions/{name}/declaration', 'extension-own', 'An extension of your own, as it was made.'),
  put('/extensions/{name}/declaration', 'extension-change', 'Change an extension of your own.'),
  get('/extensions/{name}/misfits', 'extension-misfits', 'Values that its rules of now would refuse.'),
  remove('/extensions/{name}/values', 'extension-remove-values', 'Remove all values of an extension that is off.'),

  list('/profiles', 'profile-list', 'Templates for new people.'),
  add('/profiles', 'profile-add', 'Add a profile.', '/profiles/{name}'),
  get('/profiles/{name}', 'profile-show', 'One profile.'),
  patch('/profiles/{profile}', 'profile-change', 'Change a profile; people stay as they are.'),
  remove('/profiles/{name}', 'profile-remove', 'Remove a profile.'),

  list('/policies', 'policy-list', 'Every password policy; the first is the one of everyone.'),
  { ...get('/policies/everyone', 'policy-show', 'The password policy of everyone.'), fixed: { group: undefined } },
  patch('/policies/everyone', 'policy-change', 'Change it; what is not named stays.'),
  get('/policies/groups/{group}', 'policy-show', 'The password policy of a group.'),
  patch('/policies/groups/{group}', 'group-policy-change', 'Change it, or give the group one.'),
  remove('/policies/groups/{group}', 'policy-remove', 'Take it away; the one of everyone goes on.'),

  list('/bin', 'bin-list', 'What was removed and can come back.'),
  get('/bin/{id}', 'bin-show', 'One thing in the recycle bin.'),
  act('/bin/{id}/undelete', 'undelete', 'Bring it back, with memberships and profile.'),
  remove('/bin/{id}', 'purge', 'Remove it for good.'),

  list('/imports', 'import-list', 'The imports that are remembered, the latest first.'),
  {
    method: 'POST',
    path: '/imports',
    command: 'import-start',
    does: 'Begin an import of CSV or LDIF; ask for its progress at its own address.',
    query: ['file', 'dryRun', 'mode', 'clears', 'lenient', 'profile', 'newPasswords'],
    takesFile: true,
    at: '/imports/{id}',
  },
  get('/imports/{id}', 'import-show', 'How far an import is, and what came of it.'),
  list('/imports/{id}/rows', 'import-rows', 'What became of its rows.'),
  {
    ...act('/imports/{id}/passwords', 'import-passwords', 'The passwords that it made, as CSV; given out once.'),
    gives: 'text/csv',
  },
  act('/imports/{id}/stop', 'import-stop', 'Stop it; what is done stays done.'),
  act('/imports/{id}/undo', 'import-undo', 'Take the whole import back.'),
  {
    ...get('/import-template.csv', 'import-template', 'The columns, with one person as an example.'),
    gives: 'text/csv',
  },
  {
    ...get('/export/users.csv', 'export', 'Everyone, as the import reads it; never a password.'),
    fixed: { format: 'csv' },
    gives: 'text/csv',
  },
  {
    ...get('/export/accounts.ldif', 'export', 'People and groups as LDIF; never a password.'),
    fixed: { format: 'ldif' },
    gives: 'text/ldif',
  },

  list('/audit', 'audit', 'Who did what to whom, the newest first.'),
  get('/audit/verify', 'audit-verify', 'Prove that no row was altered, removed or swapped.'),
  get('/audit/{id}', 'audit-show', 'One row.'),
  act('/audit/{id}/undo', 'audit-undo', 'Take one change back, as a new change.'),
  act('/audit/batches/{batch}/undo', 'batch-undo', 'Take an import or a bulk edit back as a whole.'),

  list('/clients', 'client-list', 'Services that bind to LDAP.'),
  add('/clients', 'client-add', 'Add an LDAP client; its password is in the answer, once.', '/clients/{name}'),
  get('/clients/{name}', 'client-show', 'One LDAP client.'),
  patch('/clients/{client}', 'client-change', 'Settle from where it may come; what is not named stays.'),
  act('/clients/{name}/password', 'client-password', 'Make a new password; it is in the answer, once.'),
  list('/clients/{name}/misses', 'client-misses', 'What it asked this node for and did not get.'),
  { ...remove('/clients/{name}/misses', 'client-forget', 'Forget that.'), isLocal: true },
  remove('/clients/{name}', 'client-remove', 'Remove an LDAP client.'),
  list('/tokens', 'token-list', 'Bearer tokens of this API.'),
  add('/tokens', 'token-add', 'Add a token; it is in the answer, once.', '/tokens/{name}'),
  get('/tokens/{name}', 'token-show', 'One token, by name or id.'),
  remove('/tokens/{name}', 'token-remove', 'Remove a token, by name or id.'),
]

export const base = '/api/v1'

/** The names in braces. */
export const partsOf = (path: string): string[] => [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string)
