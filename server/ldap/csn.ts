import { createHash } from 'node:crypto'

/**
 * A change sequence number as OpenLDAP's consumers read it: `YYYYmmddHHMMSS.uuuuuuZ#cccccc#sss#mmmmmm`. They compare it as
 * text and take it for a time, so it is one in form; in truth it is epoch and seq. No clock decides its order.
 */
export type Csn = { epochNo: number; epochId: string }

const since = Date.UTC(2000, 0, 1)
const hourMs = 3_600_000
const perMicro = 0x100_0000

/** Two epochs with one number, of two masters that do not know of each other, differ here in almost all cases. */
const checkOf = (epochId: string): number => createHash('sha256').update(epochId).digest().readUInt16BE() % 3600

export function csnOf({ epochNo, epochId }: Csn, seq: number): string {
  const time = new Date(since + epochNo * hourMs + checkOf(epochId) * 1000).toISOString()
  const stamp = time.slice(0, 19).replace(/[-:T]/g, '')
  const micro = String(Math.floor(seq / perMicro)).padStart(6, '0')
  return `${stamp}.${micro}Z#${(seq % perMicro).toString(16).padStart(6, '0')}#000#000000`
}

const form = /^(\d{14})\.(\d{6})Z#([0-9a-f]{6})#[0-9a-f]{3}#[0-9a-f]{6}$/

/** Of which seq a CSN of this epoch is; undefined for one of another epoch, or of another directory. */
export function parseCsn(text: string, epoch: Csn): number | undefined {
  const [, stamp, micro = '', count = ''] = form.exec(text) ?? []
  if (stamp === undefined || csnOf(epoch, 0).slice(0, stamp.length) !== stamp) return undefined
  return Number(micro) * perMicro + Number.parseInt(count, 16)
}

/** The cookie of RFC 4533 as OpenLDAP's consumers keep it, `rid=001,csn=…`; others hand it back as it is. */
export const cookieOf = (csn: string, rid: string): Buffer => Buffer.from(`rid=${rid},csn=${csn}`)

export function parseCookie(cookie: Buffer): { rid: string; csn: string } {
  const text = cookie.toString('latin1')
  return {
    rid: /(?:^|,)rid=(\d{1,3})(?:,|$)/.exec(text)?.[1] ?? '000',
    csn: /(?:^|,)csn=([^,;]+)/.exec(text)?.[1] ?? '',
  }
}
