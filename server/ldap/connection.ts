import type { Socket } from 'node:net'
import { type SecureContext, TLSSocket } from 'node:tls'
import { messageOf } from '../errors.ts'
import { cancelRequest, targetOfCancel } from './cancel.ts'
import { missedBy } from './lens.ts'
import type { Limits } from './limits.ts'
import { resultOf } from './not-done.ts'
import { type Operation, operations, type Services, type Watch, type Work } from './operations.ts'
import { type Door, forget, isService, leave, newSession } from './who.ts'
import { Malformed, readerOf, readInteger } from './wire/ber.ts'
import { passedOver, repeatedControl, unknownCritical } from './wire/controls.ts'
import { createFramer } from './wire/framer.ts'
import { type Message, readMessage } from './wire/message.ts'
import type { Output } from './wire/output.ts'
import { requestTag } from './wire/request-tag.ts'
import { encodeNotice, type Result, type ResultCode, resultCode, writeResult } from './wire/result.ts'

export type Connection = {
  /** Closes a client that has been silent or stuck for too long. */
  checkIdle: (now: number) => void
  /** Says why (Notice of Disconnection) and closes. */
  disconnect: (code: ResultCode, reason: string) => void
}

/** Requests wait while one is under way; with so many waiting, or so much, no more are read. */
const maxWaiting = 64
const maxWaitingBytes = 256 * 1024
/** A turn on the event loop, after which other connections get theirs. */
const turnMs = 8
const fullBytes = 64 * 1024

/** What the connection is doing besides taking requests in. */
type Busy = { message: Message; operation: Operation; isAbandoned: boolean; isCanceled: boolean; isWork: boolean }
type Watching = { message: Message; operation: Operation; watch: Watch; hasNews: boolean }

/**
 * One client. Requests are answered in the order they come, one at a time: a request behind a bind waits for it and never
 * runs with the identity before (RFC 4511 section 4.2.1). Abandon, cancel and unbind look past what is under way, and a search
 * that stays open to tell of changes (RFC 4533) goes on beside the others.
 */
export function serveConnection(
  given: Socket,
  door: Door,
  services: Services,
  limits: Limits,
  output: Output,
): Connection {
  const { log } = services
  const session = newSession(given.remoteAddress ?? '', door, services.shelf)
  const waiting: Message[] = []
  let waitingBytes = 0
  const watches = new Map<number, Watching>()
  let socket = given
  let busy: Busy | undefined
  let isWaitingForDrain = false
  let isClosed = false
  let isTurnPlanned = false
  let lastActive = performance.now()
  let lastTold = lastActive
  /** Since when there has always been something that the client has not taken. */
  let unreadSince: number | undefined
  let messageSince: number | undefined = lastActive
  let framer = newFramer()

  function newFramer() {
    const { anonymous, bound } = limits.maxMessageBytes
    return createFramer(() => (isService(session, services.directory.tree) ? bound : anonymous), onMessage)
  }

  function onData(chunk: Buffer): void {
    if (isClosed) return
    lastActive = performance.now()
    try {
      framer.push(chunk)
    } catch (error) {
      if (!(error instanceof Malformed))
        log.error({ err: error, address: session.address }, 'LDAP: reading a message failed')
      disconnect(resultCode.protocolError, `Not understood: ${messageOf(error)}.`)
      return
    }
    messageSince = framer.isPartial() ? (messageSince ?? lastActive) : undefined
    if (isFull()) socket.pause()
    takeTurn(lastActive)
  }

  const isFull = (): boolean =>
    waiting.length > maxWaiting || waitingBytes > maxWaitingBytes || socket.writableLength > 2 * limits.unreadBytes

  function readOn(): void {
    const hasRoom =
      waiting.length <= maxWaiting / 2 &&
      waitingBytes <= maxWaitingBytes / 2 &&
      socket.writableLength <= limits.unreadBytes
    if (hasRoom && !isClosed && socket.isPaused()) socket.resume()
  }

  const sizeOf = ({ body }: Message): number => body.bytes.length

  function takeOut(from: number, count: number): Message[] {
    if (count === 0) return []
    const taken = waiting.splice(from, count)
    for (const message of taken) waitingBytes -= sizeOf(message)
    return taken
  }

  function onMessage(bytes: Buffer): void {
    messageSince = undefined
    const message = readMessage(bytes)
    if (message.operation === requestTag.abandon) abandon(message)
    else if (message.operation === requestTag.extended && targetOfCancel(message) !== undefined) cancel(message)
    else {
      waiting.push(message)
      waitingBytes += sizeOf(message)
    }
    if (message.operation === requestTag.unbind && busy) busy.isAbandoned = true
  }

  /** RFC 4511 section 4.11. No answer, also not when there is nothing to abandon. */
  function abandon(message: Message): void {
    const { bytes, at, end } = message.body
    const id = readInteger(readerOf(Buffer.concat([Buffer.of(0x02, end - at), bytes.subarray(at, end)])))
    if (busy?.message.id === id && busy.message.operation !== requestTag.bind) busy.isAbandoned = true
    const index = waiting.findIndex((each) => each.id === id && each.operation !== requestTag.bind)
    if (index >= 0) takeOut(index, 1)
    endWatch(id)
  }

  /** RFC 3909: like abandon, but both are answered. */
  function cancel(message: Message): void {
    const operation = operations.get(requestTag.extended)!
    if (message.controls.length > 0 && refuseControl(message, operation)) {
      flush()
      return
    }
    const id = targetOfCancel(message)!
    const index = waiting.findIndex((each) => each.id === id)
    const target = busy?.message.id === id ? busy : undefined
    const known = target?.message ?? waiting[index] ?? watches.get(id)?.message
    const code = cancelRequest(known, target !== undefined && !target.isWork)
    if (code === resultCode.success) {
      if (target) target.isCanceled = true
      else if (index >= 0) answerCanceled(takeOut(index, 1)[0]!)
      else endWatch(id, true)
    }
    writeResult(output, message.id, operation.response, { code })
    flush()
  }

  function answerCanceled(message: Message): void {
    const operation = operations.get(message.operation)
    if (operation) answer(message, operation, { code: resultCode.canceled })
  }

  function endWatch(id: number, isCanceled = false): void {
    const watching = watches.get(id)
    if (!watching) return
    watches.delete(id)
    watching.watch.end()
    if (isCanceled) answerCanceled(watching.message)
  }

  /** Answers what waits until there is nothing more, something takes longer, or others should have a turn. */
  function takeTurn(now = performance.now()): void {
    const deadline = now + turnMs
    let taken = 0
    while (!isClosed && !busy && !isWaitingForDrain && taken < waiting.length) {
      handle(waiting[taken++]!, deadline)
      if (output.length >= fullBytes) flush()
      if (taken < waiting.length && performance.now() > deadline) break
    }
    takeOut(0, taken)
    const isMore = watches.size > 0 && tellNews(deadline)
    flush()
    if (isClosed) return
    readOn()
    if (!isWaitingForDrain && (isMore || (!busy && waiting.length > 0))) planTurn()
  }

  /** Goes on with the searches that stay open; true when one has more to tell. */
  function tellNews(deadline: number): boolean {
    let isMore = false
    for (const [id, watching] of watches) {
      if (!watching.hasNews) continue
      while (!isClosed && !isWaitingForDrain) {
        const told = watching.watch.next(deadline)
        if (told === undefined) {
          watching.hasNews = false
          break
        }
        if (told !== 'more') {
          watches.delete(id)
          watching.watch.end()
          answer(watching.message, watching.operation, told)
          break
        }
        if (output.length >= fullBytes) flush()
        if (performance.now() > deadline) break
      }
      if (watching.hasNews) isMore = true
    }
    return isMore
  }

  function planTurn(): void {
    if (isTurnPlanned) return
    isTurnPlanned = true
    setImmediate(
      guard(() => {
        isTurnPlanned = false
        takeTurn()
      }),
    )
  }

  function handle(message: Message, deadline: number): void {
    if (message.operation === requestTag.unbind) {
      end()
      return
    }
    const operation = operations.get(message.operation)
    if (watches.has(message.id)) {
      disconnect(resultCode.protocolError, `messageID ${message.id} is that of a search that is still open.`)
      return
    }
    if (!operation) {
      disconnect(resultCode.protocolError, `Operation 0x${message.operation.toString(16)} is not known.`)
      return
    }
    // Whatever comes of a bind, the old identity ends with it (RFC 4513 section 4).
    if (message.operation === requestTag.bind) forget(session)
    if (message.controls.length > 0 && refuseControl(message, operation)) return
    const before = output.length
    try {
      const outcome = operation.run({ message, session, services, output })
      if (outcome instanceof Promise) wait(message, operation, outcome)
      else if ('next' in outcome) work(message, operation, outcome, deadline)
      else answer(message, operation, outcome)
    } catch (error) {
      output.length = before
      answer(message, operation, faultOf(operation, error))
    }
  }

  function refuseControl(message: Message, operation: Operation): boolean {
    const missed = missedBy(services.lens, session)
    if (missed) for (const { oid } of passedOver(message.controls, message.operation)) missed('control', oid)
    const repeated = repeatedControl(message.controls)
    if (repeated) {
      answer(message, operation, {
        code: resultCode.protocolError,
        message: `Control ${repeated.oid} stands there twice.`,
      })
      return true
    }
    const control = unknownCritical(message.controls, message.operation)
    if (!control) return false
    const text = `Control ${control.oid} is not known here, or not for this operation.`
    answer(message, operation, { code: resultCode.unavailableCriticalExtension, message: text })
    return true
  }

  const newBusy = (message: Message, operation: Operation, isWork: boolean): Busy => ({
    message,
    operation,
    isAbandoned: false,
    isCanceled: false,
    isWork,
  })

  function wait(message: Message, operation: Operation, outcome: Promise<Result | Work>): void {
    const mine = newBusy(message, operation, false)
    busy = mine
    outcome
      .catch((error: unknown): Result => faultOf(operation, error))
      .then((result) => {
        busy = undefined
        const isWork = 'next' in result
        if (isClosed || mine.isAbandoned) {
          if (isWork) result.end?.()
          if (isClosed) return
        }
        lastActive = performance.now()
        if (!mine.isAbandoned) {
          if (isWork) work(message, operation, result, lastActive + turnMs)
          else answer(message, operation, result)
        }
        takeTurn()
      })
      .catch((error: unknown) => fail(error))
  }

  /** A turn of something that may take several; false when it is not done yet. */
  function isDone(outcome: Work, mine: Busy, deadline: number): boolean {
    const { message, operation } = mine
    for (;;) {
      if (mine.isCanceled) answerCanceled(message)
      if (mine.isAbandoned || mine.isCanceled) {
        outcome.end?.()
        return true
      }
      const before = output.length
      let result: ReturnType<Work['next']>
      try {
        result = outcome.next(deadline)
      } catch (error) {
        output.length = before
        outcome.end?.()
        result = faultOf(operation, error)
      }
      if (result) {
        if ('code' in result) answer(message, operation, result)
        else watch(message, operation, result.watch)
        return true
      }
      flush()
      if (isClosed || isWaitingForDrain || performance.now() > deadline) return isClosed
    }
  }

  /** Most are done in their first turn. Others go on as fast as the client takes the answers. */
  function work(message: Message, operation: Operation, outcome: Work, firstDeadline: number): void {
    const mine = newBusy(message, operation, true)
    if (!isDone(outcome, mine, firstDeadline)) goOnWith(outcome, mine)
  }

  function goOnWith(outcome: Work, mine: Busy): void {
    function goOn(): void {
      if (isClosed) {
        outcome.end?.()
        return
      }
      if (isWaitingForDrain) {
        socket.once('drain', guard(goOn))
        return
      }
      lastActive = performance.now()
      if (!isDone(outcome, mine, lastActive + turnMs)) {
        plan()
        return
      }
      busy = undefined
      takeTurn()
    }

    function plan(): void {
      if (isWaitingForDrain) socket.once('drain', guard(goOn))
      else setImmediate(guard(goOn))
    }

    busy = mine
    plan()
  }

  function watch(message: Message, operation: Operation, watch: Watch): void {
    const watching: Watching = { message, operation, watch, hasNews: true }
    watches.set(message.id, watching)
    watch.onNews(() => {
      watching.hasNews = true
      planTurn()
    })
    planTurn()
  }

  function answer(message: Message, operation: Operation, result: Result): void {
    // RFC 4511 section 4.14.1: nothing else may be under way.
    if (result.after === 'startTls' && watches.size > 0) {
      const text = 'Not while a search is open.'
      writeResult(output, message.id, operation.response, { code: resultCode.operationsError, message: text })
      return
    }
    writeResult(output, message.id, operation.response, result)
    if (result.code === resultCode.insufficientAccessRights)
      missedBy(services.lens, session)?.('operation', operation.name)
    if (result.after === 'startTls') startTls()
  }

  function faultOf(operation: Operation, error: unknown): Result {
    const known = resultOf(error)
    if (known) return known
    log.error({ err: error, address: session.address }, `LDAP ${operation.name} failed`)
    return { code: resultCode.other, message: 'This failed here. The log says why.' }
  }

  function flush(): void {
    output.flush(socket)
    if (socket.writableLength <= limits.unreadBytes || isWaitingForDrain || isClosed) return
    isWaitingForDrain = true
    socket.once(
      'drain',
      guard(() => {
        isWaitingForDrain = false
        lastActive = performance.now()
        readOn()
        if (!busy) takeTurn()
      }),
    )
  }

  /**
   * RFC 4511 section 4.14. Whatever was sent in the clear behind the request is thrown away: somebody on the way could have
   * put it there, and it would be taken for something that came by TLS.
   */
  function startTls(): void {
    output.flush(socket)
    takeOut(0, waiting.length)
    framer = newFramer()
    messageSince = undefined
    const raw = socket
    raw.removeListener('data', readData)
    const secure = new TLSSocket(raw, { isServer: true, secureContext: services.secureContext!() as SecureContext })
    const timer = setTimeout(() => secure.destroy(), limits.handshakeMs)
    secure.once('secure', () => {
      clearTimeout(timer)
      session.door = 'tls'
      lastActive = performance.now()
    })
    secure.once('close', () => {
      clearTimeout(timer)
      raw.destroy()
    })
    socket = secure
    attach(secure)
  }

  function end(): void {
    if (isClosed) return
    output.flush(socket)
    close()
    const ended = socket
    ended.end()
    // A client that does not close its side is not waited for.
    setTimeout(() => ended.destroy(), 1000).unref()
  }

  /** A client may stay for days after its bind, and has used its account all the while. */
  function tellUse(): void {
    const { accountId, isClient } = session
    if (!isClient || accountId === undefined || lastActive <= lastTold) return
    lastTold = lastActive
    services.lens?.used(accountId, session.address)
  }

  function close(): void {
    if (!isClosed) tellUse()
    isClosed = true
    waiting.length = 0
    if (busy) busy.isAbandoned = true
    for (const id of watches.keys()) endWatch(id)
    leave(session)
  }

  function disconnect(code: ResultCode, reason: string): void {
    if (isClosed) return
    output.flush(socket)
    if (!socket.destroyed) socket.write(encodeNotice(code, reason))
    end()
  }

  /** Something of ours went wrong outside a request: this client goes, the others do not notice. */
  function fail(error: unknown): void {
    output.length = 0
    log.error({ err: error, address: session.address }, 'LDAP connection failed')
    close()
    socket.destroy()
  }

  function checkIdle(now: number): void {
    if (isClosed) return
    tellUse()
    if (socket.writableLength === 0) unreadSince = undefined
    const silent = now - lastActive
    const isAnonymous = session.accountId === undefined && !session.isMachine
    if (isWaitingForDrain || socket.writableLength > 0) {
      unreadSince ??= now
      if (now - unreadSince > limits.stalledMs) drop('the client does not read its answers')
    } else if (messageSince !== undefined && now - messageSince > limits.messageMs) {
      disconnect(resultCode.unavailable, 'A message was not completed in time.')
    } else if (!busy && watches.size === 0 && silent > (isAnonymous ? limits.idleMs.anonymous : limits.idleMs.bound)) {
      disconnect(resultCode.unavailable, 'Closed after a long silence.')
    }
  }

  function drop(reason: string): void {
    log.warn({ address: session.address }, `LDAP: a connection was closed: ${reason}`)
    close()
    socket.destroy()
  }

  /** Whatever the event loop calls goes through here: an error of ours ends this connection and not the process. */
  function guard<A extends unknown[]>(run: (...values: A) => void): (...values: A) => void {
    return (...values) => {
      try {
        run(...values)
      } catch (error) {
        fail(error)
      }
    }
  }

  const readData = guard(onData)
  function attach(to: Socket): void {
    to.on('data', readData)
    to.on('drain', () => {
      unreadSince = undefined
    })
    to.on('error', () => to.destroy())
    to.on('close', () => close())
  }

  if (door !== 'unix') socket.setNoDelay(true)
  attach(socket)
  return { checkIdle, disconnect }
}
