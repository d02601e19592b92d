import { definePlugin } from './extension.ts'

export const ftp = definePlugin({
  name: 'ftp',
  title: 'FTP Server',
  badge: 'FTP',
  summary: 'Provides FTP Server access control.',
})
export const pptpd = definePlugin({
  name: 'pptpd',
  title: 'PPTP Server',
  badge: 'PPTP',
  summary: 'Provides PPTP Server access control.',
})
export const printServer = definePlugin({
  name: 'print_server',
  title: 'Print Server Administrator',
  badge: 'Print',
  summary: 'Provides Print Server administrator access (for managing printers).',
})
export const smtp = definePlugin({
  name: 'smtp',
  title: 'SMTP',
  badge: 'SMTP',
  summary: 'Provides outbound SMTP Authentication access control.',
})
export const webProxy = definePlugin({
  name: 'web_proxy',
  title: 'Web Proxy',
  badge: 'Proxy',
  summary: 'Provides Web Proxy Server access control.',
})
