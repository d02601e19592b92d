import { contact } from './contact.ts'
import type { Extension, Plugin } from './extension.ts'
import { ftp, pptpd, printServer, smtp, webProxy } from './plugins.ts'
import { shell } from './shell.ts'

/** Every extension, in the order of the form. Adding one: its file, and one line here. */
export const extensions: readonly Extension[] = [contact, shell]

/** Every plugin, in the order of the form and of the badges. */
export const plugins: readonly Plugin[] = [ftp, pptpd, printServer, smtp, webProxy]

export const extensionByName = (name: string): Extension | undefined =>
  extensions.find((extension) => extension.name === name)

export const pluginByName = (name: string): Plugin | undefined => plugins.find((plugin) => plugin.name === name)
