import { readFileSync } from 'node:fs'
import { changeUser, userByUsername } from '../../server/accounts/users.ts'
import { until } from '../support/node.ts'
import { me } from '../support/people.ts'
import type { Machine } from './machine.ts'
import type { Ran } from './programs.ts'
import { freePort } from './slapd.ts'
import type { Staff } from './staff.ts'

// People who sign in on a machine: by su, by SSH, at a service that uses PAM.

const lines = (typed: readonly string[]): string => typed.map((line) => `${line}\n`).join('')

const asNobody = ['setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups']

export const loginsAt = (machine: Machine) => ({
  /** `typed`: what is answered, line by line, to all that is asked. */
  su: (username: string, typed: readonly string[], command = 'id -un'): Promise<Ran> =>
    machine.run([...asNobody, 'su', username, '-c', command], { input: lines(typed) }),
  passwd: (username: string, typed: readonly string[]): Promise<Ran> =>
    machine.run(['su', username, '-c', 'passwd'], { input: lines(typed) }),
  /** As a service does it: is this the person, and may the person come in. */
  service: (service: string, username: string, typed: readonly string[]): Promise<Ran> =>
    machine.run(['pamtester', service, username, 'authenticate', 'acct_mgmt'], { input: lines(typed) }),
})

export async function addService(machine: Machine, name: string): Promise<void> {
  const includes = ['auth', 'account', 'password', 'session'].map((kind) => `@include common-${kind}\n`)
  await machine.write(`/etc/pam.d/${name}`, includes.join(''))
}

export type Sshd = {
  withKey: (username: string) => Promise<Ran>
  withPassword: (username: string, password: string) => Promise<Ran>
}

const keyFile = '/etc/ssh/key-of-people'

/** `settings`: of sshd_config, where the keys of people come from. */
export async function startSshd(machine: Machine, settings: string): Promise<Sshd> {
  const port = await freePort()
  const config = [`Port ${port}`, 'ListenAddress 127.0.0.1', 'UsePAM yes', 'PidFile none', settings, '']
  await machine.write('/etc/ssh/sshd_config', config.join('\n'))
  await machine.must(['mkdir', '-p', '/run/sshd'])
  await machine.start(['/usr/sbin/sshd', '-D', '-e']).said(/Server listening/)
  await machine.write('/usr/local/bin/askpass', '#!/bin/sh\nprintf "%s\\n" "$TYPED"\n', '755')
  const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR']
  const ssh = (username: string, args: string[], env: Record<string, string> = {}): Promise<Ran> =>
    machine.run(
      [
        ...['ssh', '-p', `${port}`, ...options.flatMap((option) => ['-o', option]), ...args],
        ...[`${username}@127.0.0.1`, 'id', '-Gn'],
      ],
      { env },
    )
  return {
    withKey: (username) => ssh(username, ['-i', keyFile, '-o', 'BatchMode=yes']),
    withPassword: (username, password) =>
      ssh(username, ['-o', 'PreferredAuthentications=keyboard-interactive', '-o', 'NumberOfPasswordPrompts=1'], {
        SSH_ASKPASS: '/usr/local/bin/askpass',
        SSH_ASKPASS_REQUIRE: 'force',
        TYPED: password,
      }),
  }
}

/** One key for all of these people. */
export async function giveKey(machine: Machine, { node }: Staff, usernames: readonly string[]): Promise<void> {
  await machine.must(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'laptop', '-f', keyFile])
  const sshKeys = (await machine.must(['cat', `${keyFile}.pub`])).trim()
  for (const username of usernames) {
    const { id } = await userByUsername(node.db, username)
    await changeUser(node.db, me, id, { extensions: { shell: { sshKeys } } })
  }
}

/** Until a machine knows somebody. */
export const isKnown = (machine: Machine, username: string): Promise<void> =>
  until(
    async () => (await machine.run(['getent', 'passwd', username])).code === 0,
    30_000,
    () => `${username} is not known on the machine`,
  )

/** Where documentation says that the certificate is. */
export const caFile = '/etc/ssl/certs/example-ca.pem'

/**
 * A block of the documentation: the one below some words of a page, with the node, the password and the client of a test in
 * the place of those of the example. So what is written there is what was tried.
 */
export function recipe(page: string, below: string, { secureUrl, url, reader }: Staff): string {
  const text = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8')
  const block = /\n\n((?: {4}.*\n|\n)+)/.exec(text.slice(text.indexOf(below)))
  if (!text.includes(below) || !block) throw new Error(`docs/${page} has no block below ${below}`)
  return `${block[1]!.replace(/^ {4}/gm, '').trim()}\n`
    .replaceAll('ldaps://gw-malmo.example.lan', secureUrl)
    .replaceAll('ldap://gw-malmo.example.lan', url)
    .replaceAll(/cn=\w+,ou=Internal,dc=example,dc=lan/g, reader.dn)
    .replaceAll('PASSWORD', reader.password)
}
