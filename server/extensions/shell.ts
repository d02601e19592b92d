import { defineExtension } from './extension.ts'
import { choice, text } from './field.ts'

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
      help: '/sbin/nologin: may not sign in by SSH.',
      matching: 'caseExact',
      options: [
        { value: '/sbin/nologin', label: '/sbin/nologin' },
        { value: '/bin/bash', label: '/bin/bash' },
        { value: '/bin/sh', label: '/bin/sh' },
      ],
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
  },
})
