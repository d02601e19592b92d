import { createHash, createPrivateKey, sign, timingSafeEqual, verify, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { readPrivate, removePrivate, writePrivate } from '../store/files.ts'

const dayMs = 86_400_000
/** A listener's certificate is made anew this long before its end. */
export const renewDays = 30

/** Only a certificate with this name is the master's: a slave's certificate of the same CA cannot stand in for it. */
export const masterName = (clusterId: string): string => `master.${clusterId}.account-sync.internal`

export type KeyPair = { key: string; certificate: string }

const files = { ca: 'ca.pem', caKey: 'ca.key', own: 'node.pem', ownKey: 'node.key' } as const

const caFile = (dir: string): string => join(dir, files.ca)
export const readCa = (dir: string): string | undefined => readPrivate(caFile(dir))

/** This node's certificate and key for its listeners, and the CA it came from. */
export function readOwn(dir: string): KeyPair | undefined {
  const certificate = readPrivate(join(dir, files.own))
  const key = readPrivate(join(dir, files.ownKey))
  return certificate && key ? { certificate, key } : undefined
}

export function keepOwn(dir: string, pair: KeyPair): void {
  writePrivate(join(dir, files.ownKey), pair.key)
  writePrivate(join(dir, files.own), pair.certificate)
}

export const keepCa = (dir: string, certificate: string): void => writePrivate(caFile(dir), certificate)

/** Host names and addresses of this machine, for its certificate. */
export function ownNames(name: string): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((many) => many?.map(({ address }) => address) ?? [])
  const usable = addresses.filter((address) => !address.includes('%') && !address.startsWith('fe80'))
  return [...new Set([name, hostname(), 'localhost', '127.0.0.1', '::1', ...usable])].filter(isCertificateName)
}

/** What may stand in a certificate: an address or a host name, and never the master's own name. */
export const isCertificateName = (name: string): boolean =>
  isIP(name) !== 0 ||
  (/^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i.test(name) &&
    !name.toLowerCase().endsWith('.account-sync.internal'))

/** SHA-256 of a certificate's public key (SPKI): what the Synchronization Key pins. */
export const pinOf = (certificate: X509Certificate): Buffer =>
  createHash('sha256')
    .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
    .digest()

export const pinMatches = (certificate: X509Certificate, pin: Buffer): boolean =>
  timingSafeEqual(pinOf(certificate), pin)

export const daysLeft = (pem: string): number =>
  Math.floor((Date.parse(new X509Certificate(pem).validTo) - Date.now()) / dayMs)

/** ECDSA signatures as WebCrypto writes them. */
const signature = 'ieee-p1363'

/** Signs a text with the cluster's key: proof of an epoch. Base64. */
export const signText = (dir: string, text: string): string =>
  sign('sha256', Buffer.from(text), { key: createPrivateKey(readCaKey(dir)), dsaEncoding: signature }).toString(
    'base64',
  )

export const textIsSigned = (caPem: string, text: string, signed: string): boolean =>
  verify(
    'sha256',
    Buffer.from(text),
    { key: new X509Certificate(caPem).publicKey, dsaEncoding: signature },
    Buffer.from(signed, 'base64'),
  )

/** The CA's private key, PEM. Only a master (or standalone node) holds it. */
export function readCaKey(dir: string): string {
  const pem = readPrivate(join(dir, files.caKey))
  if (!pem) throw new Error('This node does not hold the key of the cluster’s CA.')
  return pem
}

export const keepCaKey = (dir: string, pem: string): void => writePrivate(join(dir, files.caKey), pem)

/** A slave has no business with it. */
export const forgetCaKey = (dir: string): void => removePrivate(join(dir, files.caKey))

export function keepNewCa(dir: string, key: string, certificate: string): void {
  writePrivate(join(dir, files.caKey), key)
  keepCa(dir, certificate)
}
