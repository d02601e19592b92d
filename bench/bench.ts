import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { compileLoad, hasOpenSsl } from './ldapload.ts'
import { measures, ownMeasures } from './measures/index.ts'
import { type Options, readOptions } from './options.ts'
import { accountSyncPair } from './pairs/account-sync.ts'
import type { Pair } from './pairs/pair.ts'
import { argon2Module, slapdPair, slapdProgram } from './pairs/slapd.ts'
import { run, stopAll } from './processes.ts'
import { keep, type Row, table } from './report.ts'

/**
 * account-sync against Debian's slapd on this machine. Absolute figures differ from machine to machine and from hour to
 * hour; the ratios of one run are what counts.
 */
const options = readOptions(process.argv.slice(2))
if (options) process.exitCode = await bench(options)

async function bench(options: Options): Promise<number> {
  const missing = await missingPrograms(options)
  if (missing.length > 0) {
    process.stderr.write(
      `The benchmark needs ${missing.join(' and ')}: apt-get install --no-install-recommends ${missing.join(' ')}\n`,
    )
    return 1
  }
  const folder = mkdtempSync(join(tmpdir(), 'account-sync-bench-'))
  let pairs: Pair[] = []
  const end = async () => {
    await Promise.allSettled(pairs.map((pair) => pair.close()))
    await stopAll()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void end().then(() => process.exit(1)))
  try {
    const heading = headingOf(options)
    say(heading)
    const rows: Row[] = []
    const between = options.only.filter((name) => name in measures) as (keyof typeof measures)[]
    const ldapload = await compileLoad(folder)
    if (between.length > 0) {
      say(`loading ${options.users} people into both`)
      const slapd = await slapdPair(folder, options.users)
      pairs = [slapd]
      const ours = await accountSyncPair(folder, options.users, options.profile)
      pairs = [slapd, ours]
      for (const pair of pairs) await pair.startMaster()
      for (const name of between)
        rows.push(...(await measures[name]({ ...options, ours, slapd, folder, ldapload, say })))
      await Promise.all(pairs.map((pair) => pair.close()))
      pairs = []
    }
    for (const name of options.only)
      if (name in ownMeasures)
        rows.push(...(await ownMeasures[name as keyof typeof ownMeasures]({ ...options, folder, ldapload, say })))
    process.stdout.write(`\n${table(rows)}\n`)
    say(`kept in ${relative(process.cwd(), keep(options.results, heading, rows))}`)
    return rows.some((row) => row.met === false) ? 1 : 0
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    return 1
  } finally {
    await end()
  }
}

/** What the figures have to be read with; other work on the machine falls on whoever is being measured then. */
function headingOf({ users, repeats }: Options): string {
  const cores = availableParallelism()
  const load = loadavg()[0] ?? 0
  const busy = load > cores / 4 ? '; the machine is busy with other work, so that figures are uncertain' : ''
  return `${users} users, medians of ${repeats}; ${cores} cores (${cpus()[0]?.model.trim()}), load ${load.toFixed(1)} at the start${busy}`
}

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** Debian's packages for what is not here. */
async function missingPrograms({ only }: Options): Promise<string[]> {
  const hasSlapd =
    slapdProgram('slapd') && slapdProgram('slapadd') && ['/etc/ldap/schema', '/etc/openldap/schema'].some(existsSync)
  const hasGcc = await run('gcc', ['--version']).then(
    () => true,
    () => false,
  )
  return [
    ...(hasSlapd ? [] : ['slapd']),
    ...(argon2Module() || !only.includes('ldap-load') ? [] : ['slapd-contrib']),
    ...(hasGcc ? [] : ['gcc', 'libc6-dev']),
    ...((await hasOpenSsl()) ? [] : ['libssl-dev']),
  ]
}
