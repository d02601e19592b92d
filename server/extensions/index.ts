import { contact } from './contact.ts'
import type { Extension, Plugin } from './extension.ts'
import { mail } from './mail.ts'
import { ftp, imap, openvpn, pptpd, printServer, smtp, userCertificates, webProxy } from './plugins.ts'
import { samba } from './samba.ts'
import { shell } from './shell.ts'
import { zarafa } from './zarafa.ts'

/** Every extension of the program, in the order of the form. Adding one: its file, and one line here. */
export const builtInExtensions: readonly Extension[] = [contact, mail, samba, shell, zarafa]

/** Every plugin of the program, in the order of the form and of the badges. */
export const builtInPlugins: readonly Plugin[] = [
  ftp,
  pptpd,
  printServer,
  smtp,
  webProxy,
  openvpn,
  imap,
  userCertificates,
]

/**
 * Fields whose values share one pool with the names of users and groups, as extension and field. A projection has no
 * declarations at hand, so they are named here; a test holds the list and the declarations together.
 */
export const nameFields: readonly (readonly [extension: string, field: string])[] = [
  ['mail', 'address'],
  ['mail', 'aliases'],
]
