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
export const openvpn = definePlugin({
  name: 'openvpn',
  title: 'OpenVPN',
  badge: 'VPN',
  summary: 'Provides OpenVPN access control.',
  isOnAtFirst: false,
})
export const imap = definePlugin({
  name: 'imap',
  title: 'IMAP and POP Server',
  badge: 'IMAP',
  summary: 'Provides IMAP and POP Server access control.',
  isOnAtFirst: false,
})
export const userCertificates = definePlugin({
  name: 'user_certificates',
  title: 'Security Certificates',
  badge: 'Cert',
  summary: 'Provides access to a security certificate of one’s own.',
  isOnAtFirst: false,
})
