import type { Request, Response } from 'express'
import { type ReceiptNode, receiptOfRow, type ShownReceipt, whatWasDone } from '../replication/receipts.ts'
import { asked, part } from './form.ts'
import { dbOf } from './node.ts'
import { render } from './render.ts'
import { listed } from './say.ts'
import { safePath } from './sign-in.ts'
import { sitesOf } from './sites.ts'

/** A receipt as pages show it: a tile for each node, and for who has not confirmed why, and what is still open there. */
export function receiptView(receipt: ShownReceipt) {
  const order = [...receipt.nodes].sort((a, b) => a.name.localeCompare(b.name, 'en'))
  const tiles = order.map((node) => ({
    ...node,
    state: node.has ? 'equal' : node.state === 'away' ? 'away' : 'behind',
  }))
  return { ...receipt, title: whatWasDone(receipt), sites: sitesOf(tiles), open: openOf(receipt) }
}

type Open = { names: string; state: 'away' | 'behind'; since?: string; why: string; still: string }

/** Those that are away since the same minute stand together: they are one line that broke. */
function openOf(receipt: ShownReceipt): Open[] {
  // Who answers is given a few seconds before it is named.
  const isFresh = Date.now() - Date.parse(receipt.at) < 5000
  const missing = receipt.nodes.filter(({ has, state, problem }) => !has && (state === 'away' || problem || !isFresh))
  const alike = new Map<string, ReceiptNode[]>()
  for (const node of missing) {
    const key = node.state === 'away' ? `away ${node.since?.slice(0, 16) ?? ''}` : `here ${node.problem ?? ''}`
    alike.set(key, [...(alike.get(key) ?? []), node])
  }
  return [...alike.values()].map((nodes): Open => {
    const [first] = nodes as [ReceiptNode]
    const them = nodes.length === 1 ? 'It learns' : 'They learn'
    const at = `at ${listed(nodes.slice(0, 4).map(({ name }) => name))}${nodes.length > 4 ? ' and the others' : ''}`
    return {
      names: listed(nodes.map(({ name }) => name)),
      state: first.state === 'away' ? 'away' : 'behind',
      ...(first.since && { since: first.since }),
      why: first.problem ?? 'it has not asked since',
      still: `${them} of it ${first.state === 'away' ? `as soon as ${nodes.length === 1 ? 'it is' : 'they are'} back` : 'with the next answer'}. Until then ${stillOpen(receipt)} ${at}.`,
    }
  })
}

function stillOpen({ sentence, people }: ShownReceipt): string {
  if (/password/.test(sentence)) return people === 1 ? 'the old password still works' : 'the old passwords still work'
  return people === 1 ? 'this account can still sign in' : 'these accounts can still sign in'
}

export async function showReceipt(req: Request, res: Response): Promise<void> {
  const receipt = receiptView(await receiptOfRow(dbOf(req), Number(part(req, 'row'))))
  const close = asked(req, 'close')
  const data = { receipt, ...(close && { closeTo: safePath(close) }) }
  await render(req, res, 'receipts/show', data, { part: 'receipts/_receipt' })
}
