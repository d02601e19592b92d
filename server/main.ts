import type { SecureContextOptions } from 'node:tls'
import { clientLens, keepClientUses, openClientUses } from './accounts/client-uses.ts'
import { keepSignIns, rememberSignIns } from './accounts/sign-ins.ts'
import { noteTurned } from './accounts/turns.ts'
import { thisNode } from './audit/actor.ts'
import { claimCode, forgetClaimCode } from './auth/claim.ts'
import { type Config, isLoopback } from './config.ts'
import { countBind } from './counters.ts'
import { messageOf } from './errors.ts'
import { collectBlobs } from './filesync/blobs.ts'
import { serviceCertificate } from './filesync/certificates.ts'
import { createFilesWorker } from './filesync/worker.ts'
import type { LdapOptions } from './ldap/server.ts'
import { beside, type Face, faces, listen, portProblem } from './listeners.ts'
import { createLog } from './log.ts'
import { daysLeft, readOwn, renewDays } from './mode/certificates.ts'
import { missingFiles } from './mode/missing-files.ts'
import { watchFleet } from './replication/alerts.ts'
import { createAnnouncer } from './replication/announce.ts'
import { endPolls, flushContacts, openContacts } from './replication/contact.ts'
import { isReplaced } from './replication/follow.ts'
import { forgetHandOver } from './replication/hand-over.ts'
import { moveHorizon } from './replication/horizon.ts'
import { keepJoined, openNode } from './replication/joined.ts'
import { takeLags } from './replication/lags.ts'
import { openReceipts, tellReceipts } from './replication/receipts.ts'
import { rejoinAfterHandOver } from './replication/rejoin.ts'
import { takeSample } from './replication/samples.ts'
import { scrub } from './replication/scrub.ts'
import { servedBy } from './replication/serving.ts'
import { createWorker } from './replication/worker.ts'
import { tellWrongPasswords } from './replication/wrong-passwords.ts'
import { keepRole } from './samba/role.ts'
import { socketPath } from './socket-path.ts'
import { closeDb, type Db, onLocalChange } from './store/db.ts'
import { keepProof, whyNoChange } from './store/local.ts'
import { removeExpiredSessions } from './store/sessions.ts'
import { settled } from './store/write.ts'

export type Running = {
  db: Db
  /** Where each face listens now; absent while it is off. */
  ports: () => Record<string, number | undefined>
  /** Until the node is set up: the page that does it, and the one-time code that it asks for. */
  claim?: { url: string; code: string }
  close: () => Promise<void>
}

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 86_400_000
const scrubMs = 6 * hourMs

/** What a client gets with the result of a change that the master has made. */
const notHereYet = 'The master has done it. This node does not hold it yet.'

/**
 * Runs one node until `close`: the store, the worker, the directory in memory, the faces that its mode needs. What serves
 * sign-ins comes first; what is only for administrators is loaded after it, for a gateway that starts must not keep people waiting.
 */
export async function serve(config: Config, log = createLog()): Promise<Running> {
  const db = await openNode(config.dataDir, log)
  const missing = await missingFiles(db)
  if (missing.length > 0)
    log.error(
      `missing in ${db.dir}: ${missing.join(', ')}. Copy the whole data directory from where it was, or restore it.`,
    )
  const isSecure = !isLoopback(config.listen)
  const webUrl = () => `${isSecure ? 'https' : 'http'}://${isSecure ? db.local.name : config.listen}:${config.webPort}`

  await rememberSignIns(db)
  const worker = createWorker(db, log)
  const ldapHost = config.ldapListen.includes(':') ? `[${config.ldapListen}]` : config.ldapListen
  const isLdapOnLoopback = ['0.0.0.0', '::'].includes(config.ldapListen)
  servedBy(db, worker, {
    ...(config.webPort > 0 && { webUrl: webUrl() }),
    ...(config.ldapPort > 0 && { ldapUrl: `ldap://${isLdapOnLoopback ? '127.0.0.1' : ldapHost}:${config.ldapPort}` }),
    ...(config.syncPort > 0 && { syncPort: config.syncPort }),
  })
  // The master has its answer ready while the rest of this is loaded.
  if (db.local.mode === 'slave') worker.start()
  else await (await import('./mode/set-up.ts')).declareNew(db)
  await forgetHandOver(db)
  await openContacts(db)
  await openReceipts(db, log)
  await openClientUses(db)
  const [
    { createDirectory },
    { feedOf, followFeed },
    { startLdap },
    { createWriter },
    { createForwarder },
    { fromParts },
    { verifyPassword },
    { doorFor },
  ] = await Promise.all([
    import('./ldap/directory.ts'),
    import('./ldap/follow.ts'),
    import('./ldap/server.ts'),
    import('./ldap/writer.ts'),
    import('./replication/forward.ts'),
    import('./ldap/forward.ts'),
    import('./accounts/passwords.ts'),
    import('./accounts/sign-in.ts'),
  ])
  const directory = createDirectory()
  directory.onTurned = (ids) =>
    void noteTurned(db, ids).catch((error) => log.warn({ err: error }, 'accounts that have ended were not noted'))
  const following = followFeed(db, directory, log)
  following.catch(() => {})

  const firstRun =
    isSecure && !readOwn(db.dir) ? await (await import('./mode/ca.ts')).firstRunPair(db.local.name) : undefined
  const certificate = (): SecureContextOptions => {
    const pair = readOwn(db.dir) ?? firstRun
    return { cert: pair?.certificate, key: pair?.key }
  }

  /** LDAP has a certificate of its own where the cluster issues one. */
  const ldapCertificate = (): SecureContextOptions => {
    const pair = serviceCertificate(db.dir, 'ldap')
    return pair ? { cert: pair.certificate, key: pair.key } : certificate()
  }

  const web: Face = {
    name: 'web',
    wanted: () => config.webPort > 0,
    open: async () => {
      // The accounts first: loading the pages would hold up what has to be caught up with.
      if (db.local.mode === 'slave') await worker.firstExchange(2000)
      const [{ createWebApp }, { createRestApi }] = await Promise.all([import('./web/app.ts'), import('./api/rest.ts')])
      const pages = await createWebApp({ db, config, log, secure: isSecure, forward: forwarder.send })
      return listen({
        app: beside('/api', createRestApi({ db, log, secure: isSecure }), pages),
        host: config.listen,
        port: config.webPort,
        name: 'Web pages',
        flag: '--web-port',
        context: isSecure ? certificate : undefined,
      })
    },
  }
  const forwarder = createForwarder(db)
  const telling = tellWrongPasswords(db, log)
  /** What LDAP answers with, also for what slaves have a master do. */
  const ldapOptions: LdapOptions = {
    directory,
    verify: verifyPassword,
    onBind: countBind,
    judge: doorFor(db, 'ldap'),
    startTls: ldapCertificate,
    writer: createWriter(db, directory),
    forward: {
      isOn: () => db.local.mode === 'slave',
      send: async (as, address, message) => {
        const { ldap, isHere } = await forwarder.send({ as, address, ldap: message.toString('base64') })
        const done = ldap ?? { code: 0 }
        return fromParts(done.code === 0 && !isHere ? { ...done, message: notHereYet } : done)
      },
    },
    feed: feedOf(db),
    lens: clientLens(db),
    limits: config.ldapLimits,
    log,
  }
  const sync: Face = {
    name: 'sync',
    wanted: () => db.local.mode === 'master' && config.syncPort > 0,
    open: async () => {
      const [{ createPullApp }, { answerOnBehalf }, { servicesOf }, { toParts }] = await Promise.all([
        import('./pull/app.ts'),
        import('./ldap/on-behalf.ts'),
        import('./ldap/server.ts'),
        import('./ldap/forward.ts'),
      ])
      await following
      const services = servicesOf(ldapOptions)
      return listen({
        app: createPullApp(
          db,
          log,
          webUrl,
          async (who, message) => toParts(await answerOnBehalf(services, who, message)),
          () => open.ports().files,
        ),
        host: config.listen,
        port: config.syncPort,
        name: 'Synchronization',
        flag: '--sync-port',
        context: certificate,
        longPoll: true,
      })
    },
  }
  const files: Face = {
    name: 'files',
    wanted: () => db.local.mode === 'master' && config.filesPort > 0,
    open: async () => {
      const { createFilesApp } = await import('./pull/files.ts')
      return listen({
        app: createFilesApp(db, log),
        host: config.listen,
        port: config.filesPort,
        name: 'Files',
        flag: '--files-port',
        context: certificate,
        longPoll: true,
      })
    },
  }
  const ldap: Face = {
    name: 'ldap',
    wanted: () =>
      db.local.mode !== undefined && (config.ldapPort + config.ldapsPort > 0 || config.ldapiPath !== undefined),
    open: async () => {
      await following
      const ldapi = config.ldapiPath ? socketPath(config.ldapiPath) : undefined
      const given = { host: config.listen, port: config.ldapsPort, name: 'LDAP', flag: '--ldap-port or --ldaps-port' }
      const server = await startLdap({
        ...ldapOptions,
        plain: config.ldapPort > 0 ? { host: config.ldapListen, port: config.ldapPort } : undefined,
        tls:
          config.ldapsPort > 0 ? { host: config.listen, port: config.ldapsPort, context: ldapCertificate } : undefined,
        unix: ldapi && { path: ldapi.path },
      }).catch((error) => {
        ldapi?.done()
        throw portProblem(error, given)
      })
      return {
        port: server.ports.plain ?? server.ports.tls ?? 0,
        close: () => server.close().finally(ldapi?.done),
        renewTls: server.renewTls,
      }
    },
  }
  const open = faces([ldap, files, sync, web])
  const announcer = createAnnouncer(db, () => open.ports().sync, log)
  const filesWorker = createFilesWorker(db, log, () => open.renewTls())

  /** What the mode asks for; again whenever this node learns something new about itself. */
  const arrange = async () => {
    keepJoined(db)
    keepRole(db)
    if (db.local.mode === 'slave') worker.start()
    // Not waited for: what is under way in it may wait for the very change that led here.
    else void worker.stop()
    rejoinAfterHandOver(db)?.catch((error) => log.error(messageOf(error)))
    await open.arrange()
    announcer.start()
    if (db.local.mode) forgetClaimCode(db.dir)
  }
  // Set up a moment ago, and a port is taken: say so, and try again until it is free or the service is given another.
  let again: NodeJS.Timeout | undefined
  const arrangeOrTryAgain = (): Promise<void> =>
    arrange().catch((error) => {
      log.error(messageOf(error))
      clearTimeout(again)
      again = setTimeout(() => void arrangeOrTryAgain(), 10_000)
    })
  const stopArranging = onLocalChange(db, arrangeOrTryAgain)
  /** What changes too often to be written each time. */
  const keepNow = async () => {
    await flushContacts(db)
    await tellReceipts(db)
    await keepSignIns(db)
    await keepClientUses(db)
    await keepProof(db.writer, db.local)
  }

  const scrubNow = () =>
    void scrub(db, log).catch((error) => db.isClosing || log.error({ err: error }, 'the scrub did not come to its end'))
  // At once when what was just read into memory had holes; else when the start is long over.
  let firstScrub: NodeJS.Timeout | undefined
  void following.then(
    () => {
      firstScrub = setTimeout(scrubNow, db.isDamaged ? 0 : 5 * minuteMs)
    },
    () => {},
  )
  const watch = watchFleet(db, log)
  const timers = [
    setInterval(scrubNow, scrubMs),
    setInterval(
      () => void watch.look().catch((error) => log.warn({ err: error }, 'the fleet was not looked at')),
      30_000,
    ),
    setInterval(() => void keepNow().catch((error) => log.warn({ err: error }, 'contacts were not kept')), minuteMs),
    setInterval(() => void keepSignIns(db).catch(() => {}), 5000),
    setInterval(() => void removeExpiredSessions(db).catch(() => {}), 10 * minuteMs),
    setInterval(() => void takeSample(db).catch(() => {}), 5 * minuteMs),
    setInterval(() => void takeLags(db).catch(() => {}), minuteMs),
    setInterval(() => void tellReceipts(db).catch((error) => log.warn({ err: error }, 'a receipt was not kept')), 2000),
    setInterval(() => void emptyBin(db).catch((error) => log.warn({ err: error }, 'the bin was not emptied')), hourMs),
    setInterval(() => void collectBlobs(db).catch((error) => log.warn({ err: error }, 'old versions stayed')), dayMs),
    setInterval(() => void moveHorizon(db).catch((error) => log.warn({ err: error }, 'the horizon stayed')), dayMs),
    setInterval(() => void renewCertificate(db).then((renewed) => renewed && open.renewTls()), dayMs),
  ]

  let closed: Promise<void> | undefined
  const close = () => {
    closed ??= (async () => {
      for (const timer of timers) clearInterval(timer)
      clearTimeout(firstScrub)
      stopArranging()
      clearTimeout(again)
      endPolls(db)
      await announcer.stop()
      await filesWorker.stop()
      await worker.stop()
      await forwarder.close()
      await telling.close()
      await socket?.close()
      await open.close()
      await settled(db)
      await keepNow().catch(() => {})
      await following.then((stopFollowing) => stopFollowing()).catch(() => {})
      await closeDb(db)
    })()
    return closed
  }

  let socket: { close: () => Promise<void> } | undefined
  try {
    await renewCertificate(db)
    const arranged = arrange()
    // Heard below; only not as a rejection that nobody listens to.
    arranged.catch(() => {})
    const { openAdminSocket } = await import('./api/socket.ts')
    socket = await openAdminSocket(db)
    await arranged
    filesWorker.start()
  } catch (error) {
    await close()
    throw error
  }
  isReplaced(db).then(
    (is) => is && log.error({ newer: db.local.newer }, 'another node is master now; nothing is changed here any more'),
    (error) => log.warn({ err: error }, 'whether another node is master now is not known'),
  )
  log.info({ mode: db.local.mode ?? 'not set up', node: db.local.name, web: webUrl(), seq: db.position.seq }, 'serving')
  const claim = db.local.mode ? undefined : { url: `${webUrl()}/setup`, code: claimCode(db.dir) }
  return { db, ports: open.ports, claim, close }
}

/** What has been in the recycle bin for long enough goes for good; on the master, and by the feed everywhere. */
async function emptyBin(db: Db): Promise<void> {
  if (whyNoChange(db.local)) return
  await (await import('./accounts/bin.ts')).purgeExpired(db, thisNode)
}

/** A master's own certificate, when its end is near. */
async function renewCertificate(db: Db): Promise<boolean> {
  const own = readOwn(db.dir)
  if (!own || db.local.mode === 'slave' || daysLeft(own.certificate) > renewDays) return false
  return (await import('./mode/ca.ts')).renewOwn(db)
}
