import { once } from 'node:events'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'

/** The certificate that a directory shows. */
export type Certificate = {
  pem: string
  /** SHA-256, as AB:CD:… */
  fingerprint: string
  subject: string
  issuer: string
  /** ISO 8601. */
  until: string
  /** Why it is not trusted by itself, in words; undefined when it is. */
  why?: string
}

export type Address = { host: string; port: number }

const timeoutMs = 10_000

/** What TLS is told of a host: whom to expect, and the name to ask for; an address has none. */
export const tlsFor = ({ host }: Address): ConnectionOptions => (isIP(host) ? { host } : { host, servername: host })

/** Shakes hands and looks; nothing is sent that is secret. */
export async function fetchCertificate(at: Address, startTls: boolean, ca?: string): Promise<Certificate> {
  const socket = connectTcp({ host: at.host, port: at.port })
  socket.setTimeout(timeoutMs, () => socket.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })))
  try {
    await once(socket, 'connect')
    if (startTls) await askForTls(socket)
    const secure = connectTls({ ...tlsFor(at), socket, ca: ca ? [ca] : undefined, rejectUnauthorized: false })
    const failed = once(socket, 'close').then(() => Promise.reject(Object.assign(new Error('closed'), { code: 'TLS' })))
    await Promise.race([once(secure, 'secureConnect'), failed])
    failed.catch(() => {})
    return certificateOf(secure)
  } finally {
    socket.destroy()
  }
}

function certificateOf(secure: TLSSocket): Certificate {
  const peer = secure.getPeerX509Certificate()
  if (!peer) throw Object.assign(new Error('no certificate'), { code: 'TLS' })
  const line = (name: string) => name.split('\n').join(', ')
  const error = secure.authorizationError as unknown as { code?: string } | string | undefined
  const code = typeof error === 'string' ? error : error?.code
  return {
    pem: peer.toString(),
    fingerprint: peer.fingerprint256,
    subject: line(peer.subject ?? ''),
    issuer: line(peer.issuer ?? ''),
    until: new Date(peer.validTo).toISOString(),
    ...(!secure.authorized && { why: reasons[code ?? ''] ?? `It cannot be checked (${code}).` }),
  }
}

const reasons: Record<string, string> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'It is signed by itself.',
  SELF_SIGNED_CERT_IN_CHAIN: 'The authority that signed it is not known to this node.',
  UNABLE_TO_GET_ISSUER_CERT: 'The authority that signed it is not known to this node.',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'The authority that signed it is not known to this node.',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'The authority that signed it is not known to this node.',
  CERT_HAS_EXPIRED: 'It has expired.',
  CERT_NOT_YET_VALID: 'It is not valid yet. Is a clock wrong?',
  ERR_TLS_CERT_ALTNAME_INVALID: 'It belongs to another name than the one that was typed.',
}

/** RFC 4511 section 4.14: one fixed request, and the answer whose result code is success. */
async function askForTls(socket: Socket): Promise<void> {
  const oid = Buffer.from('1.3.6.1.4.1.1466.20037')
  socket.write(Buffer.concat([Buffer.from([0x30, 0x1d, 2, 1, 1, 0x77, 0x18, 0x80, oid.length]), oid]))
  const [answer] = (await once(socket, 'data')) as [Buffer]
  // ENUMERATED of one byte is the result code; it is the first thing in the ExtendedResponse (0x78).
  const at = answer.indexOf(Buffer.from([0x0a, 1]))
  if (answer[0] !== 0x30 || at < 0 || answer[at + 2] !== 0)
    throw Object.assign(new Error('no StartTLS'), { code: 'NO_STARTTLS' })
}
