import { spawn } from 'node:child_process'
import { request } from 'undici'

/** `text` is what chat servers show of a webhook; the rest is for programs. */
export type Message = {
  node: string
  at: string
  subject: string
  text: string
  devices: {
    name: string
    deviceId: string
    state: string
    lag: number
    lastContact?: string
    trouble: { code: string; title: string }[]
  }[]
}

const patienceMs = 10_000

export async function sendWebhook(url: string, message: Message): Promise<void> {
  const { host } = new URL(url)
  const answer = await request(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(message),
    signal: AbortSignal.timeout(patienceMs),
  }).catch((error) => {
    throw new Error(`The webhook at ${host} cannot be reached (${error.code ?? error.name}).`)
  })
  await answer.body.dump()
  if (answer.statusCode >= 300) throw new Error(`The webhook at ${host} answered ${answer.statusCode}.`)
}

/** Through the mail server of this machine, which knows where mail goes; as every Debian mail server has it. */
export const sendmailPath = (): string => process.env.ACCOUNT_SYNC_SENDMAIL ?? '/usr/sbin/sendmail'

export function sendMail(to: string, { node, subject, text }: Message): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(sendmailPath(), ['-i', '-t'], { stdio: ['pipe', 'ignore', 'ignore'], timeout: patienceMs })
    child.once('error', () => reject(new Error(`Mail cannot be sent: there is no ${sendmailPath()} on this machine.`)))
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`Mail was not taken: ${sendmailPath()} ended with ${code}.`)),
    )
    // One that ends before it has read all is told of by its code.
    child.stdin.on('error', () => {})
    child.stdin.end(mailOf(to, node, subject, text))
  })
}

function mailOf(to: string, node: string, subject: string, text: string): string {
  const encoded = `=?UTF-8?B?${Buffer.from(`${subject.slice(0, 200)} (${node})`).toString('base64')}?=`
  const body = Buffer.from(`${text}\n`)
    .toString('base64')
    .replace(/.{1,76}/g, '$&\n')
  return [
    `To: ${to}`,
    `Subject: ${encoded}`,
    `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: base64',
    'Auto-Submitted: auto-generated',
    '',
    body,
  ].join('\n')
}
