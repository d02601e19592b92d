import { createHash } from 'node:crypto'
import { readCa, textIsSigned } from './certificates.ts'

/** What a former master signs with the cluster's key, in place of a Synchronization Key: which device, and its new key. */
export const enrolmentText = (clusterId: string, deviceId: string, request: string): string =>
  `enrol ${clusterId} ${deviceId} ${createHash('sha256').update(request).digest('hex')}`

export const caEnrols = (
  dir: string,
  clusterId: string,
  asked: { keyId: string; secret: string; deviceId: string; request: string },
): boolean =>
  asked.keyId === 'ca' &&
  textIsSigned(readCa(dir) ?? '', enrolmentText(clusterId, asked.deviceId, asked.request), asked.secret)
