import pino from 'pino'

export type Log = pino.Logger

// Named once more here although nothing should ever hand them over: a log outlives its reasons.
const secrets = ['password', 'secret', 'key', 'credential', 'authorization', 'cookie']

export const createLog = (level = process.env.ACCOUNT_SYNC_LOG_LEVEL ?? 'info'): Log =>
  pino({
    level,
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: secrets.flatMap((name) => [name, `*.${name}`]), censor: '[secret]' },
  })
