import 'reflect-metadata'
import { randomBytes, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import * as x509 from '@peculiar/x509'
import type { Db } from '../store/db.ts'
import {
  daysLeft,
  type KeyPair,
  keepNewCa,
  keepOwn,
  masterName,
  ownNames,
  readCa,
  readCaKey,
  readOwn,
  renewDays,
} from './certificates.ts'

// Making certificates needs a library that takes a tenth of a second to load. It is seldom done, so import this file
// where it is: `await import('./ca.ts')`.

const crypto = webcrypto
// Two names for one type: with and without the DOM’s library.
x509.cryptoProvider.set(crypto as never)

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const dayMs = 86_400_000
const caDays = 3650 * 2
const leafDays = 397

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
  keepNewCa(dir, await privatePem(keys.privateKey), `${certificate.toString('pem').trim()}\n`)
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
  if (!(await asked.verify(crypto as never))) throw new Error('The certificate request is not signed by its own key.')
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

const caKey = (dir: string): Promise<webcrypto.CryptoKey> =>
  crypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(readCaKey(dir)), algorithm, false, ['sign'])

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
