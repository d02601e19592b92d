import type { Socket } from 'node:net'
import { messageOf } from '../errors.ts'
import type { Limits } from './limits.ts'
import { type Operation, operations, type Services, type Work } from './operations.ts'
import type { Session } from './who.ts'
import { Malformed, readerOf, readInteger } from './wire/ber.ts'
import { unknownCritical } from './wire/controls.ts'
import { createFramer } from './wire/framer.ts'
import { type Message, readMessage, requestTag } from './wire/message.ts'
import type { Output } from './wire/output.ts'
import { encodeNotice, type Result, type ResultCode, resultCode, writeResult } from './wire/result.ts'

export type Connection = {
  /** Closes a client that has been silent or stuck for too long. */
  checkIdle: (now: number) => void
  /** Says why (Notice of Disconnection) and closes. */
  disconnect: (code: ResultCode, reason: string) => void
}

/** Requests wait here while one is under way; with so many waiting, no more are read. */
const maxWaiting = 64
/** A turn on the event loop, after which other connections get theirs. */
const turnMs = 8
/** So much unsent means that the client does not keep up. */
const stalledBytes = 256 * 1024
const fullBytes = 64 * 1024

/** What the connection is doing besides taking requests in. */
type Busy = { message: Message; operation: Operation; isAbandoned: boolean }

/**
 * One client. Requests are answered in the order they come, one at a time: a request behind a bind waits for it and never
 * runs with the identity before (RFC 4511 section 4.2.1). Only abandon and unbind look past what is under way.
 */
export function serveConnection(socket: Socket, services: Services, limits: Limits, output: Output): Connection {
  const { log } = services
  const session: Session = { accountId: undefined, address: socket.remoteAddress ?? '' }
  const waiting: Message[] = []
  let busy: Busy | undefined
  let isWaitingForDrain = false
  let isClosed = false
  let isTurnPlanned = false
  let lastActive = performance.now()
  let messageSince: number | undefined = lastActive

  const framer = createFramer(
    () => (session.accountId === undefined ? limits.maxMessageBytes.anonymous : limits.maxMessageBytes.bound),
    onMessage,
  )

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
    if (waiting.length > maxWaiting) socket.pause()
    takeTurn()
  }

  function onMessage(bytes: Buffer): void {
    messageSince = undefined
    const message = readMessage(bytes)
    if (message.operation === requestTag.abandon) abandon(message)
    else waiting.push(message)
    if (message.operation === requestTag.unbind && busy) busy.isAbandoned = true
  }

  /** RFC 4511 section 4.11. No answer, also not when there is nothing to abandon. */
  function abandon(message: Message): void {
    const { bytes, at, end } = message.body
    const id = readInteger(readerOf(Buffer.concat([Buffer.of(0x02, end - at), bytes.subarray(at, end)])))
    if (busy?.message.id === id && busy.message.operation !== requestTag.bind) busy.isAbandoned = true
    const index = waiting.findIndex((each) => each.id === id && each.operation !== requestTag.bind)
    if (index >= 0) waiting.splice(index, 1)
  }

  /** Answers what waits until there is nothing more, something takes longer, or others should have a turn. */
  function takeTurn(): void {
    const deadline = performance.now() + turnMs
    let taken = 0
    while (!isClosed && !busy && !isWaitingForDrain && taken < waiting.length) {
      handle(waiting[taken++]!, deadline)
      if (output.length >= fullBytes) flush()
      if (performance.now() > deadline) break
    }
    waiting.splice(0, taken)
    flush()
    if (isClosed) return
    if (socket.isPaused() && waiting.length <= maxWaiting / 2) socket.resume()
    if (!busy && !isWaitingForDrain && waiting.length > 0) planTurn()
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
    if (!operation) {
      disconnect(resultCode.protocolError, `Operation 0x${message.operation.toString(16)} is not known.`)
      return
    }
    const control = message.controls.length > 0 ? unknownCritical(message.controls) : undefined
    if (control) {
      const result = {
        code: resultCode.unavailableCriticalExtension,
        message: `Control ${control.oid} is not known here.`,
      }
      answer(message, operation, result)
      return
    }
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

  function wait(message: Message, operation: Operation, outcome: Promise<Result>): void {
    const mine: Busy = { message, operation, isAbandoned: false }
    busy = mine
    outcome
      .catch((error: unknown) => faultOf(operation, error))
      .then((result) => {
        busy = undefined
        if (isClosed) return
        lastActive = performance.now()
        if (!mine.isAbandoned) answer(message, operation, result)
        takeTurn()
      })
      .catch((error: unknown) => fail(error))
  }

  /** Goes on with something that takes several turns, as fast as the client takes the answers. */
  function work(message: Message, operation: Operation, outcome: Work, firstDeadline: number): void {
    const mine: Busy = { message, operation, isAbandoned: false }

    /** False when it is not done yet. */
    function isDone(deadline: number): boolean {
      for (;;) {
        if (mine.isAbandoned) return true
        const before = output.length
        let result: Result | undefined
        try {
          result = outcome.next(deadline)
        } catch (error) {
          output.length = before
          result = faultOf(operation, error)
        }
        if (result) {
          answer(message, operation, result)
          return true
        }
        flush()
        if (isClosed || isWaitingForDrain || performance.now() > deadline) return isClosed
      }
    }

    function goOn(): void {
      if (isClosed) return
      if (isWaitingForDrain) {
        socket.once('drain', guard(goOn))
        return
      }
      lastActive = performance.now()
      if (!isDone(lastActive + turnMs)) {
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

    if (isDone(firstDeadline)) return
    busy = mine
    plan()
  }

  function answer(message: Message, operation: Operation, result: Result): void {
    writeResult(output, message.id, operation.response, result)
  }

  function faultOf(operation: Operation, error: unknown): Result {
    if (error instanceof Malformed)
      return { code: resultCode.protocolError, message: `Not understood: ${error.message}.` }
    log.error({ err: error, address: session.address }, `LDAP ${operation.name} failed`)
    return { code: resultCode.other, message: 'This failed here. The log says why.' }
  }

  function flush(): void {
    output.flush(socket)
    if (socket.writableLength <= stalledBytes || isWaitingForDrain || isClosed) return
    isWaitingForDrain = true
    socket.once(
      'drain',
      guard(() => {
        isWaitingForDrain = false
        lastActive = performance.now()
        if (!busy) takeTurn()
      }),
    )
  }

  function end(): void {
    if (isClosed) return
    output.flush(socket)
    isClosed = true
    waiting.length = 0
    socket.end()
    // A client that does not close its side is not waited for.
    setTimeout(() => socket.destroy(), 1000).unref()
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
    isClosed = true
    socket.destroy()
  }

  function checkIdle(now: number): void {
    if (isClosed) return
    const silent = now - lastActive
    if (isWaitingForDrain || socket.writableLength > 0) {
      if (silent > limits.stalledMs) fail(new Error('the client does not read its answers'))
    } else if (messageSince !== undefined && now - messageSince > limits.messageMs) {
      disconnect(resultCode.unavailable, 'A message was not completed in time.')
    } else if (!busy && silent > (session.accountId === undefined ? limits.idleMs.anonymous : limits.idleMs.bound)) {
      disconnect(resultCode.unavailable, 'Closed after a long silence.')
    }
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

  socket.setNoDelay(true)
  socket.on('data', guard(onData))
  socket.on('error', () => socket.destroy())
  socket.on('close', () => {
    isClosed = true
    if (busy) busy.isAbandoned = true
  })
  return { checkIdle, disconnect }
}
