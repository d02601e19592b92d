import { Router } from 'express'
import { admin, adminChanges, claimed, notOnSlave, notSetUp, signedIn } from '../auth/guards.ts'
import { saveOwnPassword, showAccount } from './account.ts'
import { showAudit } from './audit.ts'
import { addLdapClient, askRemoveClient, removeLdapClient, showClients } from './clients.ts'
import { askRevoke, revoke, showDevice, showDevices } from './devices.ts'
import { saveExtensionState, showExtension, showExtensions } from './extensions.ts'
import {
  addGroupMembers,
  addNewGroup,
  askRemoveGroup,
  newGroup,
  removeGroupMembers,
  removeOneGroup,
  saveGroup,
  showGroup,
  showGroups,
} from './groups.ts'
import { showHome } from './home.ts'
import { beginImport, checkImport, showImport, showImportJob, stopRunningImport } from './import.ts'
import { askMode, askNewKey, newKey, revealKey, saveMode, showMode } from './mode.ts'
import { askPassword, savePassword } from './password.ts'
import { addPluginUsers, removePluginUsers, savePluginState, showPlugin, showPlugins } from './plugins.ts'
import { removeSelected, saveSelected } from './selected.ts'
import {
  claim,
  setUpOwnAccounts,
  setUpSlave,
  showClaim,
  showDetails,
  showJoining,
  showModes,
  showReady,
  toSetUpFirst,
} from './setup.ts'
import { showSignIn, signIn, signOut } from './sign-in.ts'
import { saveTheme } from './theme.ts'
import {
  addNewUser,
  askRemoveUser,
  exportAllUsers,
  newUser,
  removeOneUser,
  saveStatus,
  saveUser,
  showUser,
  showUsers,
} from './users.ts'

/** Every page, and who may ask for it. */
export function routes(): Router {
  const r = Router({ caseSensitive: true })

  r.get('/setup', notSetUp, showClaim)
  r.post('/setup/claim', notSetUp, claim)
  r.get('/setup/mode', notSetUp, claimed, showModes)
  r.get('/setup/details', notSetUp, claimed, showDetails)
  r.post('/setup/own', notSetUp, claimed, setUpOwnAccounts)
  r.post('/setup/slave', notSetUp, claimed, setUpSlave)
  r.get('/setup/joining', claimed, showJoining)
  r.get('/setup/done', claimed, showReady)
  r.post('/theme', saveTheme)
  r.use(toSetUpFirst)

  r.get('/login', showSignIn)
  r.post('/login', signIn)
  r.post('/logout', signOut)

  r.get('/account', signedIn, showAccount)
  r.post('/account/password', signedIn, notOnSlave, saveOwnPassword)

  r.get('/', admin, showHome)

  r.get('/users', admin, showUsers)
  r.get('/export/users.csv', admin, exportAllUsers)
  r.get('/users/new', adminChanges, newUser)
  r.post('/users/new', adminChanges, addNewUser)
  r.post('/selected-users', adminChanges, saveSelected)
  r.post('/selected-users/remove', adminChanges, removeSelected)
  r.get('/users/:username', admin, showUser)
  r.post('/users/:username', adminChanges, saveUser)
  r.get('/users/:username/password', adminChanges, askPassword)
  r.post('/users/:username/password', adminChanges, savePassword)
  r.post('/users/:username/status', adminChanges, saveStatus)
  r.get('/users/:username/remove', adminChanges, askRemoveUser)
  r.post('/users/:username/remove', adminChanges, removeOneUser)

  r.get('/groups', admin, showGroups)
  r.get('/groups/new', adminChanges, newGroup)
  r.post('/groups/new', adminChanges, addNewGroup)
  r.get('/groups/:name', admin, showGroup)
  r.post('/groups/:name', adminChanges, saveGroup)
  r.post('/groups/:name/members/add', adminChanges, addGroupMembers)
  r.post('/groups/:name/members/remove', adminChanges, removeGroupMembers)
  r.get('/groups/:name/remove', adminChanges, askRemoveGroup)
  r.post('/groups/:name/remove', adminChanges, removeOneGroup)

  r.get('/extensions', admin, showExtensions)
  r.get('/extensions/:name', admin, showExtension)
  r.post('/extensions/:name', adminChanges, saveExtensionState)
  r.get('/plugins', admin, showPlugins)
  r.get('/plugins/:name', admin, showPlugin)
  r.post('/plugins/:name', adminChanges, savePluginState)
  r.post('/plugins/:name/users/add', adminChanges, addPluginUsers)
  r.post('/plugins/:name/users/remove', adminChanges, removePluginUsers)

  r.get('/import', adminChanges, showImport)
  r.post('/import', adminChanges, checkImport)
  r.get('/import/:id', adminChanges, showImportJob)
  r.post('/import/:id/begin', adminChanges, beginImport)
  r.post('/import/:id/stop', adminChanges, stopRunningImport)

  r.get('/mode', admin, showMode)
  r.post('/mode/key', adminChanges, revealKey)
  r.get('/mode/key/new', adminChanges, askNewKey)
  r.post('/mode/key/new', adminChanges, newKey)
  r.get('/mode/become/:mode', adminChanges, askMode)
  r.post('/mode/become/:mode', adminChanges, saveMode)
  r.get('/devices', admin, showDevices)
  r.get('/devices/:id', admin, showDevice)
  r.get('/devices/:id/revoke', adminChanges, askRevoke)
  r.post('/devices/:id/revoke', adminChanges, revoke)
  r.get('/clients', admin, showClients)
  r.post('/clients', adminChanges, addLdapClient)
  r.get('/clients/:name/remove', adminChanges, askRemoveClient)
  r.post('/clients/:name/remove', adminChanges, removeLdapClient)

  r.get('/audit', admin, showAudit)
  return r
}
