import { Router } from 'express'
import {
  admin,
  adminChanges,
  audits,
  cameIn,
  claimed,
  helpsAnywhere,
  notSetUp,
  orForwarded,
  ownsGroup,
  reads,
  readsGroup,
  signedIn,
} from '../auth/guards.ts'
import { addKey, removeKey, saveOwnFields, saveOwnPassword, showAccount } from './account.ts'
import { saveAlerts, sendTest, showAlerts } from './alerts.ts'
import { checkAudit, exportAudit, showAudit } from './audit.ts'
import { askPurge, askRestore, purgeOne, restore, showBin } from './bin.ts'
import {
  addLdapClient,
  askClientPassword,
  askRemoveClient,
  forgetSeen,
  makeClientPassword,
  removeLdapClient,
  saveClient,
  showClient,
  showClients,
} from './clients.ts'
import { askScope, saveScope } from './device-scope.ts'
import { askRevoke, revoke, showDevice, showDevices } from './devices.ts'
import {
  askRemoveValues,
  removeValues,
  saveExtensionState,
  showExtension,
  showExtensions,
  showMisfits,
} from './extensions.ts'
import { restoreFile, showFile } from './file-versions.ts'
import {
  addNewFileSet,
  askRemoveFileSet,
  newFileSet,
  removeOneFileSet,
  removePlaceHere,
  renewCertificates,
  saveFileSet,
  savePlace,
  saveReceiving,
  showFileSet,
  showFileSets,
} from './files.ts'
import {
  addNewGroup,
  askRemoveGroup,
  newGroup,
  removeOneGroup,
  saveGroup,
  saveMembers,
  showGroup,
  showGroups,
  showInside,
} from './groups.ts'
import { showKeys } from './help.ts'
import { showHome } from './home.ts'
import {
  beginImport,
  checkImport,
  exportAllLdif,
  sendTemplate,
  showImport,
  showImportJob,
  stopRunningImport,
  takePasswords,
} from './import.ts'
import { saveImportColumns, showImportColumns } from './import-columns.ts'
import { readImportDirectory, saveImportDirectory, showImportDirectory } from './import-directory.ts'
import { showJob, stopJob } from './jobs.ts'
import { addJoinCode, showJoin, showJoinWaiting, takeBackJoinCode } from './join.ts'
import {
  askDetach,
  askFollow,
  askHandOver,
  askPromote,
  askRecovery,
  askRejoin,
  askStay,
  makeRecovery,
  saveDetach,
  saveFollow,
  saveHandOver,
  savePromote,
  saveRejoin,
  saveStay,
} from './master.ts'
import { askMode, askNewKey, newKey, revealKey, saveMode, showMode } from './mode.ts'
import { showMyGroups } from './my-groups.ts'
import { saveNewPassword, showNewPassword } from './new-password.ts'
import {
  addNewOwnExtension,
  askRemoveOwnExtension,
  editOwnExtension,
  newOwnExtension,
  removeOneOwnExtension,
  saveOwnExtension,
} from './own-extensions.ts'
import { toOwnPage } from './own-page.ts'
import {
  addNewOwnPlugin,
  askRemoveOwnPlugin,
  editOwnPlugin,
  newOwnPlugin,
  removeOneOwnPlugin,
  saveOwnPlugin,
} from './own-plugins.ts'
import { endSessions } from './own-sessions.ts'
import { askPassword, generatePassword, invite, savePassword, takeBackInvitation } from './password.ts'
import {
  addGroupPolicy,
  askRemovePolicy,
  newGroupPolicy,
  removeGroupPolicy,
  saveGroupPolicy,
  savePolicy,
  showGroupPolicy,
  showPolicies,
} from './password-policy.ts'
import { addPluginUsers, removePluginUsers, savePluginState, showPlugin, showPlugins } from './plugins.ts'
import {
  addNewProfile,
  askRemoveProfile,
  newProfile,
  removeOneProfile,
  saveProfile,
  showProfile,
  showProfiles,
} from './profiles.ts'
import { showReached } from './reached.ts'
import { showReceipt } from './receipts.ts'
import { editSelected, previewSelected, removeSelected, saveSelected } from './selected.ts'
import { saveSettings, showSettings } from './settings.ts'
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
import { askStolen, sendHeld, stolen } from './stolen.ts'
import { saveTheme } from './theme.ts'
import { addApiToken, askRemoveToken, removeApiToken, showTokens } from './tokens.ts'
import { askUndo, askUndoBatch, saveUndo, saveUndoBatch } from './undo.ts'
import { applyUnshipped, askForget, forgetLists, showUnshipped } from './unshipped.ts'
import {
  addNewUser,
  askRemoveUser,
  askStatus,
  exportListed,
  newUser,
  removeOneUser,
  saveStatus,
  saveUser,
  showUser,
  showUsers,
} from './users.ts'
import { guardWelcome, saveWelcome, showWelcome } from './welcome.ts'
import { addComputer, askRemoveComputer, removeComputer, saveWindows, showComputers, showWindows } from './windows.ts'

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

  r.get('/welcome/:secret', guardWelcome, showWelcome)
  r.post('/welcome/:secret', guardWelcome, orForwarded, saveWelcome)

  r.get('/account/new-password', cameIn, showNewPassword)
  r.post('/account/new-password', cameIn, orForwarded, saveNewPassword)
  r.get('/account', signedIn, showAccount)
  r.post('/account/password', signedIn, orForwarded, saveOwnPassword)
  r.post('/account/fields', signedIn, orForwarded, saveOwnFields)
  r.post('/account/keys', signedIn, orForwarded, addKey)
  r.post('/account/keys/remove', signedIn, orForwarded, removeKey)
  r.post('/account/sessions/end', signedIn, endSessions)

  r.get('/', signedIn, toOwnPage, showHome)

  r.get('/users', reads, showUsers)
  r.get('/export/users.csv', audits, exportListed)
  r.get('/export/accounts.ldif', audits, exportAllLdif)
  r.get('/users/new', adminChanges, newUser)
  r.post('/users/new', adminChanges, addNewUser)
  r.post('/selected-users', adminChanges, saveSelected)
  r.post('/selected-users/preview', adminChanges, previewSelected)
  r.post('/selected-users/save', adminChanges, editSelected)
  r.post('/selected-users/remove', adminChanges, removeSelected)
  r.get('/users/:username', reads, showUser)
  r.post('/users/:username', adminChanges, saveUser)
  r.get('/users/:username/password', helpsAnywhere, askPassword)
  r.post('/users/:username/password', helpsAnywhere, savePassword)
  r.post('/users/:username/password/generate', helpsAnywhere, generatePassword)
  r.post('/users/:username/password/invite', helpsAnywhere, invite)
  r.post('/users/:username/password/take-back', helpsAnywhere, takeBackInvitation)
  r.get('/users/:username/status', helpsAnywhere, askStatus)
  r.post('/users/:username/status', helpsAnywhere, saveStatus)
  r.get('/users/:username/remove', adminChanges, askRemoveUser)
  r.post('/users/:username/remove', adminChanges, removeOneUser)

  r.get('/groups', reads, showGroups)
  r.get('/groups/new', adminChanges, newGroup)
  r.post('/groups/new', adminChanges, addNewGroup)
  r.get('/groups/:name', readsGroup, showGroup)
  r.post('/groups/:name', adminChanges, saveGroup)
  r.get('/groups/:name/remove', adminChanges, askRemoveGroup)
  r.post('/groups/:name/remove', adminChanges, removeOneGroup)
  r.get('/groups/:name/inside', reads, showInside)
  r.post('/groups/:name/members', ownsGroup, orForwarded, saveMembers)
  r.get('/my-groups', signedIn, showMyGroups)

  r.get('/profiles', reads, showProfiles)
  r.get('/profiles/new', adminChanges, newProfile)
  r.post('/profiles/new', adminChanges, addNewProfile)
  r.get('/profiles/:name', reads, showProfile)
  r.post('/profiles/:name', adminChanges, saveProfile)
  r.get('/profiles/:name/remove', adminChanges, askRemoveProfile)
  r.post('/profiles/:name/remove', adminChanges, removeOneProfile)

  r.get('/bin', reads, showBin)
  r.get('/bin/:id/restore', adminChanges, askRestore)
  r.post('/bin/:id/restore', adminChanges, restore)
  r.get('/bin/:id/remove', adminChanges, askPurge)
  r.post('/bin/:id/remove', adminChanges, purgeOne)

  r.get('/extensions', reads, showExtensions)
  r.get('/extensions/new', adminChanges, newOwnExtension)
  r.post('/extensions/new', adminChanges, addNewOwnExtension)
  r.get('/extensions/:name', reads, showExtension)
  r.post('/extensions/:name', adminChanges, saveExtensionState)
  r.get('/extensions/:name/misfits', reads, showMisfits)
  r.get('/extensions/:name/edit', adminChanges, editOwnExtension)
  r.post('/extensions/:name/edit', adminChanges, saveOwnExtension)
  r.get('/extensions/:name/values', adminChanges, askRemoveValues)
  r.post('/extensions/:name/values', adminChanges, removeValues)
  r.get('/extensions/:name/remove', adminChanges, askRemoveOwnExtension)
  r.post('/extensions/:name/remove', adminChanges, removeOneOwnExtension)
  r.get('/plugins', reads, showPlugins)
  r.get('/plugins/new', adminChanges, newOwnPlugin)
  r.post('/plugins/new', adminChanges, addNewOwnPlugin)
  r.get('/plugins/:name', reads, showPlugin)
  r.post('/plugins/:name', adminChanges, savePluginState)
  r.get('/plugins/:name/edit', adminChanges, editOwnPlugin)
  r.post('/plugins/:name/edit', adminChanges, saveOwnPlugin)
  r.get('/plugins/:name/remove', adminChanges, askRemoveOwnPlugin)
  r.post('/plugins/:name/remove', adminChanges, removeOneOwnPlugin)
  r.post('/plugins/:name/users/add', adminChanges, addPluginUsers)
  r.post('/plugins/:name/users/remove', adminChanges, removePluginUsers)

  r.get('/password-policy', reads, showPolicies)
  r.post('/password-policy', adminChanges, savePolicy)
  r.get('/password-policy/new', adminChanges, newGroupPolicy)
  r.post('/password-policy/new', adminChanges, addGroupPolicy)
  r.get('/password-policy/groups/:name', reads, showGroupPolicy)
  r.post('/password-policy/groups/:name', adminChanges, saveGroupPolicy)
  r.get('/password-policy/groups/:name/remove', adminChanges, askRemovePolicy)
  r.post('/password-policy/groups/:name/remove', adminChanges, removeGroupPolicy)

  r.get('/import', adminChanges, showImport)
  r.post('/import', adminChanges, checkImport)
  r.get('/import/template.csv', adminChanges, sendTemplate)
  r.get('/import/directory', adminChanges, showImportDirectory)
  r.post('/import/directory', adminChanges, saveImportDirectory)
  r.post('/import/directory/read', adminChanges, readImportDirectory)
  r.get('/import/columns/:draft', adminChanges, showImportColumns)
  r.post('/import/columns/:draft', adminChanges, saveImportColumns)
  r.get('/import/:id', adminChanges, showImportJob)
  r.post('/import/:id/begin', adminChanges, beginImport)
  r.post('/import/:id/stop', adminChanges, stopRunningImport)
  r.post('/import/:id/passwords', adminChanges, takePasswords)

  r.get('/jobs/:id', adminChanges, showJob)
  r.post('/jobs/:id/stop', adminChanges, stopJob)

  r.get('/mode', audits, showMode)
  r.post('/mode/key', adminChanges, revealKey)
  r.get('/mode/key/new', adminChanges, askNewKey)
  r.post('/mode/key/new', adminChanges, newKey)
  r.get('/mode/promote', admin, askPromote)
  r.post('/mode/promote', admin, savePromote)
  r.get('/mode/follow', admin, askFollow)
  r.post('/mode/follow', admin, saveFollow)
  r.get('/mode/detach', admin, askDetach)
  r.post('/mode/detach', admin, saveDetach)
  r.get('/mode/rejoin', admin, askRejoin)
  r.post('/mode/rejoin', admin, saveRejoin)
  r.get('/mode/stay', admin, askStay)
  r.post('/mode/stay', admin, saveStay)
  r.get('/mode/unshipped', audits, showUnshipped)
  r.post('/mode/unshipped', admin, applyUnshipped)
  r.get('/mode/unshipped/forget', admin, askForget)
  r.post('/mode/unshipped/forget', admin, forgetLists)
  r.get('/mode/recovery', adminChanges, askRecovery)
  r.post('/mode/recovery', adminChanges, makeRecovery)
  r.get('/mode/hand-over', adminChanges, askHandOver)
  r.post('/mode/hand-over', adminChanges, saveHandOver)
  r.get('/mode/become/:mode', adminChanges, askMode)
  r.post('/mode/become/:mode', adminChanges, saveMode)
  r.get('/devices', audits, showDevices)
  r.get('/devices/alerts', adminChanges, showAlerts)
  r.post('/devices/alerts', adminChanges, saveAlerts)
  r.post('/devices/alerts/test', adminChanges, sendTest)
  r.get('/devices/join', adminChanges, showJoin)
  r.post('/devices/join', adminChanges, addJoinCode)
  r.get('/devices/join/:name', adminChanges, showJoinWaiting)
  r.post('/devices/join/:name/take-back', adminChanges, takeBackJoinCode)
  r.get('/devices/:id', audits, showDevice)
  r.get('/devices/:id/scope', adminChanges, askScope)
  r.post('/devices/:id/scope', adminChanges, saveScope)
  r.get('/devices/:id/stolen', adminChanges, askStolen)
  r.post('/devices/:id/stolen', adminChanges, stolen)
  r.get('/devices/:id/held.csv', adminChanges, sendHeld)
  r.get('/devices/:id/revoke', adminChanges, askRevoke)
  r.post('/devices/:id/revoke', adminChanges, revoke)
  r.get('/reached/:seq', reads, showReached)
  r.get('/receipts/:row', reads, showReceipt)
  r.get('/windows', audits, showWindows)
  r.post('/windows', adminChanges, saveWindows)
  r.get('/windows/computers', audits, showComputers)
  r.post('/windows/computers', adminChanges, addComputer)
  r.get('/windows/computers/:name/remove', adminChanges, askRemoveComputer)
  r.post('/windows/computers/:name/remove', adminChanges, removeComputer)
  r.get('/files', audits, showFileSets)
  r.post('/files', admin, saveReceiving)
  r.get('/files/new', adminChanges, newFileSet)
  r.post('/files/new', adminChanges, addNewFileSet)
  r.get('/files/:name', audits, showFileSet)
  r.post('/files/:name', adminChanges, saveFileSet)
  r.post('/files/:name/place', admin, savePlace)
  r.post('/files/:name/place/end', admin, removePlaceHere)
  r.post('/files/:name/renew', adminChanges, renewCertificates)
  r.get('/files/:name/remove', adminChanges, askRemoveFileSet)
  r.post('/files/:name/remove', adminChanges, removeOneFileSet)
  r.get('/files/:name/file', audits, showFile)
  r.post('/files/:name/file/restore', adminChanges, restoreFile)
  r.get('/clients', audits, showClients)
  r.post('/clients', adminChanges, addLdapClient)
  r.get('/clients/:name', audits, showClient)
  r.post('/clients/:name', adminChanges, saveClient)
  r.post('/clients/:name/forget', admin, forgetSeen)
  r.get('/clients/:name/password', adminChanges, askClientPassword)
  r.post('/clients/:name/password', adminChanges, makeClientPassword)
  r.get('/clients/:name/remove', adminChanges, askRemoveClient)
  r.post('/clients/:name/remove', adminChanges, removeLdapClient)
  r.get('/tokens', audits, showTokens)
  r.post('/tokens', adminChanges, addApiToken)
  r.get('/tokens/:id/remove', adminChanges, askRemoveToken)
  r.post('/tokens/:id/remove', adminChanges, removeApiToken)

  r.get('/audit', audits, showAudit)
  r.get('/audit/export', audits, exportAudit)
  r.post('/audit/check', audits, checkAudit)
  r.get('/audit/batch/:batch/undo', adminChanges, askUndoBatch)
  r.post('/audit/batch/:batch/undo', adminChanges, saveUndoBatch)
  r.get('/audit/:id/undo', adminChanges, askUndo)
  r.post('/audit/:id/undo', adminChanges, saveUndo)
  r.get('/settings', audits, showSettings)
  r.post('/settings', adminChanges, saveSettings)
  r.get('/help/keys', signedIn, showKeys)
  return r
}
