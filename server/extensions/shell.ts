import { defineExtension } from './extension.ts'
import { choice, list, text } from './field.ts'

// RFC 4253 section 6.6 names, each followed by base64 that begins with its own length.
const sshKey =
  /^(ssh-(ed25519|rsa|dss)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) AAAA[A-Za-z0-9+/]+={0,3}( [^\n]*)?$/

// Those of /etc/shells of Debian, Red Hat and ClearOS, the ones that let nobody in first.
const shells = [
  '/sbin/nologin',
  '/usr/sbin/nologin',
  '/bin/false',
  '/bin/bash',
  '/bin/sh',
  '/usr/bin/bash',
  '/usr/bin/sh',
  '/bin/rbash',
  '/bin/dash',
  '/bin/zsh',
  '/usr/bin/zsh',
  '/bin/ksh',
  '/bin/tcsh',
  '/bin/csh',
  '/usr/bin/fish',
  '/usr/bin/git-shell',
] as const

export const shell = defineExtension({
  name: 'shell',
  title: 'Shell Extension',
  summary: 'Provides shell (SSH) login options.',
  objectClass: 'posixAccount',
  user: {
    loginShell: choice({
      label: 'Login shell',
      attribute: 'loginShell',
      column: 'login_shell',
      help: 'nologin and false: may not sign in by SSH.',
      matching: 'caseExact',
      options: shells.map((path) => ({ value: path, label: path })),
      initial: '/sbin/nologin',
    }),
    home: text({
      label: 'Home folder',
      attribute: 'homeDirectory',
      help: 'Empty: /home/ and the username.',
      matching: 'caseExact',
      pattern: /^\/[^\s:;#!@]*$/,
      patternHelp: 'Home folder must start with “/” and hold no spaces or : ; # ! @, as in /home/fnystrom.',
    }),
    sshKeys: list({
      label: 'SSH public keys',
      entry: 'SSH key',
      attribute: 'sshPublicKey',
      column: 'ssh_keys',
      help: 'One a line, as in the file id_ed25519.pub.',
      matching: 'caseExact',
      most: 20,
      maxLength: 8192,
      // A key's comment may hold a comma.
      separator: /\n+/,
      pattern: sshKey,
      patternHelp:
        'An SSH key begins with its kind, as in “ssh-ed25519 AAAAC3…”. Paste the whole line of the .pub file.',
    }),
  },
})
