import { mkdir, realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { messageOf, Unavailable } from '../errors.ts'
import type { Log } from '../log.ts'
import { ownNames } from '../mode/certificates.ts'
import { reachProblem } from '../replication/connection.ts'
import { type Db, onChanges, onLocalChange } from '../store/db.ts'
import { type Place, places, seenIn } from '../store/file-places.ts'
import { filesOf, type KeptFile } from '../store/files-kept.ts'
import { objectById } from '../store/objects.ts'
import { createAfterwards } from './afterwards.ts'
import { blobFrom, hasBlob } from './blobs.ts'
import { issueCertificates } from './certificates.ts'
import { openRoot, scan, TooMany } from './folder.ts'
import { capProblem, type Followed, follow, volumeProblem } from './follow.ts'
import { obeySteps } from './lead.ts'
import { type FileLine, NotGiven, openFileLine } from './line.ts'
import { chooser } from './patterns.ts'
import { allowed, certificatesDir, dirProblem, leads, ownCertificates, setIdOf, withCertificates } from './places.ts'
import { plan, type Wanted } from './plan.ts'
import { publish } from './publish.ts'
import { putFile, type Source } from './put.ts'
import { placeReceived } from './receive.ts'
import { sealingKey, unsealHere } from './seal.ts'
import { type FileSet, fileSets, isFor, isWhole } from './sets.ts'
import { freshState, ownStates, type SetState } from './states.ts'
import { usable } from './usable.ts'
import { createWatch, foldersOf } from './watch.ts'
import { followWhole, turnBack } from './whole.ts'

export type FilesWorker = {
  /** Brings every set of this node up to date, as far as it can be. */
  passOnce: () => Promise<void>
  start: () => void
  stop: () => Promise<void>
}

const scanEveryMs = 20_000
const leadScanMs = 5000
const firstBackoffMs = 250
const maxBackoffMs = 15_000
const tellEveryMs = 30_000

/** `onCertificates`: this node has certificates that it had not. */
export function createFilesWorker(db: Db, log: Log, onCertificates: () => void): FilesWorker {
  const states = ownStates(db)
  const halt = new AbortController()
  const watches = new Map<string, ReturnType<typeof createWatch>>()
  const blobsChecked = new Set<string>()
  let line: (FileLine & { to: string }) | undefined
  let running: Promise<void> | undefined
  let isWanted = true
  let wake = () => {}
  let hasCertificates = false
  let told = { text: '', at: 0 }
  const troubled = new Map<string, string>()

  const kick = () => {
    isWanted = true
    wake()
  }
  const afterwards = createAfterwards(db, kick)

  async function passOnce(): Promise<void> {
    if (!db.local.mode) return
    await issueCertificates(db).catch((error) => log.warn({ reason: messageOf(error) }, 'certificates were not issued'))
    const sets = await fileSets(db)
    const unplaced = await placeReceived(db, sets, await places(db.reader))
    const all = await places(db.reader)
    const certificates = sets.some(({ kind }) => kind === 'certificates')
    // The master makes none for a node before it knows with what to seal the key.
    if (certificates && !hasCertificates) told = { text: '', at: 0 }
    hasCertificates = certificates
    let failure: unknown
    const looked = withCertificates(db, sets, all)
    for (const place of looked) {
      const set = sets.find(({ id }) => id === setIdOf(place, sets))
      if (!set && db.local.mode !== 'slave') continue
      try {
        await passPlace(place, set && (db.local.mode !== 'slave' || isFor(set, db.local.deviceId)) ? set : undefined)
      } catch (error) {
        if (halt.signal.aborted) return
        failure ??= error
        trouble(stateOf(place), problemOf(error), place.setName)
      }
    }
    for (const { id, name } of sets) {
      if (all.some(({ setId }) => setId === id)) continue
      const problem = unplaced.get(id)
      if (states.get(id)?.state !== 'no-place') states.set(id, { ...freshState(id), state: 'no-place' })
      if (problem) trouble(stateOf({ setId: id }), problem, name)
    }
    for (const [id] of states) if (id !== ownCertificates && !sets.some((set) => set.id === id)) states.delete(id)
    for (const [id, watch] of watches)
      if (!looked.some(({ setId }) => setId === id)) {
        watch.close()
        watches.delete(id)
      }
    await tell(true)
    if (failure !== undefined) throw failure
  }

  const problemOf = (error: unknown): string => {
    if (error instanceof Unavailable || error instanceof NotGiven || error instanceof TooMany) return messageOf(error)
    const { code } = error as { code?: string }
    if (code === 'ENOENT') return 'The directory is not there any more. Make it again, or name another one.'
    if (code === 'ENOSPC' || code === 'EDQUOT') return 'The disk is full. Free some; it goes on by itself.'
    if (code === 'EBUSY') return 'The directory is a mount point and cannot be switched at once. Name one below it.'
    if (code === 'EACCES') return 'The user of this service may not read the directory.'
    return reachProblem(
      error,
      `${db.local.masterUrl ? new URL(db.local.masterUrl).hostname : 'the master'}:${db.local.masterFilesPort}`,
    )
  }

  function stateOf(place: Pick<Place, 'setId'>): SetState {
    const known = states.get(place.setId) ?? freshState(place.setId)
    states.set(place.setId, known)
    return known
  }

  function trouble(state: SetState, problem: string, name: string): void {
    Object.assign(state, { state: 'trouble', problem: problem.slice(0, 400) })
    // Once per outage, not once per try.
    if (troubled.get(state.set) !== problem) log.warn({ set: name, reason: problem }, 'a file set is not up to date')
    troubled.set(state.set, problem)
  }

  async function passPlace(place: Place, set: FileSet | undefined): Promise<void> {
    const isOwn = place.dir === certificatesDir(db.dir)
    if (isOwn && !set) await mkdir(place.dir, { recursive: true, mode: 0o700 })
    const misplaced = isOwn ? undefined : await dirProblem(db, place.dir)
    if (misplaced) throw new Unavailable(misplaced)
    const state = stateOf(place)
    const seq = db.position.seq
    const files = set ? await filesOf(db.reader, set.id) : []
    // Read before its files: removed meanwhile, it would look like a set without any.
    if (set && !(await objectById(db.reader, 'file-set', set.id))) return kick()
    const done = set && leads(db, set) ? await lead(place, set, files, state) : await obey(place, set, files, state)
    if (done.changed > 0) {
      log.info({ set: place.setName, files: done.changed, seq }, 'files were brought up to date')
      if (isOwn) onCertificates()
    }
    const failed = await afterwards(place, done.changed > 0)
    if (failed) done.problems.push(failed)
    Object.assign(state, { files: files.length, edited: done.edited.length })
    if (done.problems.length > 0) return trouble(state, said(done.problems), place.setName)
    const isLeft = place.edits === 'report' && done.edited.length > 0
    if (isLeft)
      return trouble(
        state,
        said(done.edited.map((path) => `“${path}” was changed on this node and is left so.`)),
        place.setName,
      )
    troubled.delete(state.set)
    delete state.problem
    Object.assign(state, { state: 'equal', missing: 0, bytes: 0, done: 0, seq })
  }

  /** The directory says what the set is. */
  async function lead(place: Place, set: FileSet, files: KeptFile[], state: SetState): Promise<Followed> {
    const dir = await realpath(place.dir)
    const moved = await volumeProblem(place, dir)
    if (moved) throw new Unavailable(moved)
    const root = await openRoot(dir)
    try {
      const { maxFiles, maxMegabytes } = allowed(db)
      const found = await scan(root, maxFiles)
      watchOf(place.setId).folders(dir, found.folders)
      const takes = chooser(set.include, set.exclude)
      const chosen = new Map([...found.files].filter(([path]) => takes(path)))
      const byPath = new Map(files.map((file) => [file.path, file]))
      const seen = await seenIn(db.reader, set.id)
      const steps = plan(true, byPath, chosen, seen)
      if (!blobsChecked.has(set.id)) {
        // What came here while this node was a slave has no blob yet.
        const planned = new Set(steps.map(({ path }) => path))
        for (const file of files)
          if (chosen.has(file.path) && !planned.has(file.path) && !(await hasBlob(db.dir, file.sha256)))
            steps.push({ do: 'publish', path: file.path })
        blobsChecked.add(set.id)
      }
      const published = await publish(db, set, root, steps, byPath, maxMegabytes * 1e6)
      const written = steps.filter(
        (step) => step.do === 'put' || step.do === 'mode' || step.do === 'remove' || step.do === 'forget',
      )
      const back: Followed = { changed: 0, problems: [], edited: [] }
      if (written.length > 0) {
        Object.assign(
          back,
          await obeySteps(db, place, root, written, (wanted) =>
            putFile(root, wanted, { source: fromHere, signal: halt.signal }),
          ),
        )
      }
      if (published.isBusy) setTimeout(kick, 300).unref()
      const refused = found.refused
        .filter(({ path }) => takes(path))
        .map(({ path, why }) => `“${path}” is left out: ${why}.`)
      state.missing = 0
      return { changed: back.changed, edited: [], problems: [...published.problems, ...back.problems, ...refused] }
    } finally {
      await root.close()
    }
  }

  function watchOf(setId: string): ReturnType<typeof createWatch> {
    const known = watches.get(setId) ?? createWatch(kick, () => (db.local.mode === 'slave' ? 1000 : 100))
    watches.set(setId, known)
    return known
  }

  /** The feed says what the directory shall be. */
  async function obey(place: Place, set: FileSet | undefined, files: KeptFile[], state: SetState): Promise<Followed> {
    const { wanted, problems } = usable(files, db.local.deviceId)
    const tooMuch = capProblem(db, [...wanted.values()])
    if (tooMuch) throw new Unavailable(tooMuch)
    const following = {
      db,
      place,
      state,
      source: db.local.mode === 'slave' ? fromMaster : fromHere,
      signal: halt.signal,
      unseal: (sealed: Buffer) => unsealHere(db.dir, sealed),
    }
    const seen = await seenIn(db.reader, place.setId)
    const telling = setInterval(() => void tell(false), 1000)
    try {
      const switches = set !== undefined && isWhole(set)
      if (!switches) await turnBack(place.dir)
      const moved = await volumeProblem(place, switches ? dirname(place.dir) : place.dir)
      if (moved) throw new Unavailable(moved)
      if (switches) return withMore(await followWhole(following, wanted, seen), problems)
      const root = await openRoot(place.dir)
      try {
        return withMore(await follow(following, root, wanted, seen), problems)
      } finally {
        await root.close()
      }
    } finally {
      clearInterval(telling)
      // Also after a failure: what is put right by hand is seen at once.
      const dir = await realpath(place.dir).catch(() => undefined)
      if (dir) watchOf(place.setId).folders(dir, foldersOf(wanted.keys()))
    }
  }

  const fromHere: Source = async ({ path, sha256 }: Wanted, from) => {
    if (!(await hasBlob(db.dir, sha256))) throw new NotGiven(`“${path}”: this version is not kept here any more.`)
    return blobFrom(db.dir, sha256, from)
  }

  const fromMaster: Source = (wanted, from, signal) => {
    return lineToMaster().source(wanted, from, signal)
  }

  /** Another node may be master by now. */
  function lineToMaster(): FileLine {
    const to = `${db.local.masterUrl} ${db.local.masterFilesPort}`
    if (line?.to !== to) {
      line?.close()
      line = { ...openFileLine(db, () => allowed(db).kilobytesPerSecond), to }
    }
    return line
  }

  /** The master is told how it is here; that it cannot be told holds nothing up. */
  async function tell(isDue: boolean): Promise<void> {
    if (db.local.mode !== 'slave' || !db.local.masterFilesPort) return
    const text = JSON.stringify([...states.values()])
    if (text === told.text && (!isDue || Date.now() - told.at < tellEveryMs)) return
    told = { text, at: Date.now() }
    try {
      const sealing = hasCertificates && { key: sealingKey(db.dir), names: ownNames(db.local.name).slice(0, 64) }
      await lineToMaster().tell({ sets: [...states.values()].slice(0, 200), ...(sealing && { sealing }) })
    } catch {
      told = { text: '', at: 0 }
    }
  }

  async function run(): Promise<void> {
    let failures = 0
    while (!halt.signal.aborted) {
      isWanted = false
      let pause = db.local.mode === 'slave' ? scanEveryMs : leadScanMs
      try {
        await passOnce()
        failures = 0
      } catch (error) {
        failures++
        pause = Math.min(maxBackoffMs, firstBackoffMs * 2 ** failures) * (0.5 + Math.random() / 2)
        if (!(error instanceof Unavailable)) log.debug({ reason: messageOf(error) }, 'files')
      }
      if (isWanted || halt.signal.aborted) {
        await wait(50)
        continue
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pause)
        wake = () => {
          clearTimeout(timer)
          setTimeout(resolve, 50)
        }
      })
    }
  }

  const stopListening = [
    onChanges(db, (changes) => {
      const isAbout = (kind: string) => kind === 'file' || kind === 'file-set' || kind === 'device'
      if (changes === 'all' || changes.some(({ kind }) => isAbout(kind))) kick()
    }),
    onLocalChange(db, async () => {
      if (db.local.mode !== 'slave') {
        line?.close()
        line = undefined
      }
      kick()
    }),
  ]

  return {
    passOnce,
    start: () => {
      running ??= run()
    },
    stop: async () => {
      for (const stop of stopListening) stop()
      halt.abort()
      wake()
      line?.close()
      await running
      for (const watch of watches.values()) watch.close()
    },
  }
}

const withMore = (done: Followed, problems: string[]): Followed => ({
  ...done,
  problems: [...problems, ...done.problems],
})

const said = ([first = '', ...rest]: string[]): string =>
  rest.length === 0 ? first : `${first} And ${rest.length} more.`
