import 'reflect-metadata'
import { createHash, X509Certificate as NodeCertificate, randomBytes, timingSafeEqual, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'
import type { Db } from '../store/db.ts'
import { readPrivate, writePrivate } from '../store/files.ts'

const crypto = webcrypto
x509.cryptoProvider.set(crypto)

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const dayMs = 86_400_000
const caDays = 3650 * 2
const leafDays = 397
/** A listener's certificate is made anew this long before its end. */
export const renewDays = 30

/** Only a certificate with this name is the master's: a slave's certificate of the same CA cannot stand in for it. */
export const masterName = (clusterId: string): string => `master.${clusterId}.account-sync.internal`

export type KeyPair = { key: string; certificate: string }

const files = { ca: 'ca.pem', caKey: 'ca.key', own: 'node.pem', ownKey: 'node.key' } as const

export const caFile = (dir: string): string => join(dir, files.ca)
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

/** Makes the cluster's CA (P-256) and keeps both halves. */
export async function makeCa(dir: string, name: string): Promise<void> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: subject(name),
    ...validity(caDays),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  writePrivate(join(dir, files.caKey), await privatePem(keys.privateKey))
  keepCa(dir, `${certificate.toString('pem').trim()}\n`)
}

/** A key and a signing request for this node; the key never leaves it. */
export async function makeRequest(name: string): Promise<{ key: string; request: string }> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: subject(name),
    keys,
    signingAlgorithm: algorithm,
  })
  return { key: await privatePem(keys.privateKey), request: request.toString('pem') }
}

/** Signs a node's request with the cluster's CA; the answer is the chain, CA included. `names` are host names and addresses it is reached by. */
export async function signRequest(dir: string, request: string, names: string[]): Promise<string> {
  const asked = new x509.Pkcs10CertificateRequest(request)
  if (!(await asked.verify(crypto))) throw new Error('The certificate request is not signed by its own key.')
  return signLeaf(dir, asked.publicKey, asked.subject, names)
}

/** Makes this node's own certificate with the CA it holds (master, standalone). */
export async function issueOwn(dir: string, name: string, names: string[]): Promise<void> {
  const { key, request } = await makeRequest(name)
  keepOwn(dir, { key, certificate: await signRequest(dir, request, names) })
}

/** Makes this node's certificate anew when its end is near. A slave asks its master instead. */
export async function renewOwn(db: Db): Promise<boolean> {
  const own = readOwn(db.dir)
  if (!own || !db.local.mode || db.local.mode === 'slave' || daysLeft(own.certificate) > renewDays) return false
  await issueOwn(db.dir, db.local.name, [masterName(db.position.clusterId), ...ownNames(db.local.name)])
  return true
}

/** For the pages of a node that is not set up yet: signed by itself, kept in memory only. */
export async function firstRunPair(name: string): Promise<KeyPair> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: subject(name),
    ...validity(renewDays),
    signingAlgorithm: algorithm,
    keys,
    extensions: [new x509.SubjectAlternativeNameExtension(alternativeNames(ownNames(name)))],
  })
  return { certificate: certificate.toString('pem'), key: await privatePem(keys.privateKey) }
}

async function signLeaf(dir: string, publicKey: x509.PublicKey, name: string, names: string[]): Promise<string> {
  const caPem = readCa(dir) ?? ''
  const ca = new x509.X509Certificate(caPem)
  const signingKey = await caKey(dir)
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: name,
    issuer: ca.subject,
    ...validity(leafDays),
    publicKey,
    signingKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(alternativeNames(names)),
      await x509.AuthorityKeyIdentifierExtension.create(ca.publicKey),
    ],
  })
  return `${certificate.toString('pem').trim()}\n${caPem.trim()}\n`
}

const alternativeNames = (names: string[]) =>
  [...new Set(names)].map((value) => ({ type: isIP(value) ? ('ip' as const) : ('dns' as const), value }))

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
export const pinOf = (certificate: NodeCertificate): Buffer =>
  createHash('sha256')
    .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
    .digest()

export const pinMatches = (certificate: NodeCertificate, pin: Buffer): boolean =>
  timingSafeEqual(pinOf(certificate), pin)

export const daysLeft = (pem: string): number =>
  Math.floor((Date.parse(new NodeCertificate(pem).validTo) - Date.now()) / dayMs)

/** Signs a text with the cluster's key: proof of an epoch. Base64. */
export async function signText(dir: string, text: string): Promise<string> {
  const signature = await crypto.subtle.sign(algorithm, await caKey(dir), new TextEncoder().encode(text))
  return Buffer.from(signature).toString('base64')
}

export async function textIsSigned(caPem: string, text: string, signature: string): Promise<boolean> {
  const key = await new x509.X509Certificate(caPem).publicKey.export(algorithm, ['verify'], crypto)
  return crypto.subtle.verify(algorithm, key, Buffer.from(signature, 'base64'), new TextEncoder().encode(text))
}

async function caKey(dir: string): Promise<webcrypto.CryptoKey> {
  const pem = readPrivate(join(dir, files.caKey))
  if (!pem) throw new Error('This node does not hold the key of the cluster’s CA.')
  return crypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(pem), algorithm, false, ['sign'])
}

const privatePem = async (key: webcrypto.CryptoKey): Promise<string> =>
  x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')

const serial = (): string => `01${randomBytes(15).toString('hex')}`

// Commas and the like would start another part of the name.
const subject = (name: string): string => `CN=${name.replace(/[^\p{L}\p{N} ._-]/gu, '').slice(0, 60) || 'account-sync'}`

const validity = (days: number) => ({
  // A slave whose clock is a little behind must not refuse a certificate made this minute.
  notBefore: new Date(Date.now() - dayMs),
  notAfter: new Date(Date.now() + days * dayMs),
})
