import type { Position } from '../store/position.ts'
import { textIsSigned } from './certificates.ts'

/** An epoch is a stretch of the feed under one master; a restored or promoted master begins the next. */
export type Epoch = Pick<Position, 'clusterId' | 'epochNo' | 'epochId'>

/** What the cluster's key signs. */
export const epochText = (epoch: Epoch): string => `epoch ${epoch.clusterId} ${epoch.epochNo} ${epoch.epochId}`

export const epochName = (epoch: Pick<Epoch, 'epochNo' | 'epochId'>): string => `${epoch.epochNo}.${epoch.epochId}`

export const epochIsSigned = (epoch: Epoch, signature: string, caPem: string): boolean =>
  textIsSigned(caPem, epochText(epoch), signature)
