// JavaScript as it stands: a thread does not inherit the loader that reads TypeScript.
import { connect, createServer } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'

const { target, shared } = workerData

/** Passes on what comes from one side to the other. */
function relay(from, to) {
  from.on('data', (chunk) => {
    Atomics.add(shared, 0, BigInt(chunk.length))
    if (to.write(chunk)) return
    from.pause()
    to.once('drain', () => from.resume())
  })
  from.on('end', () => to.end())
  from.on('error', () => to.destroy())
  from.on('close', () => to.destroy())
}

const server = createServer({ noDelay: true }, (near) => {
  const far = connect({ host: '127.0.0.1', port: target, noDelay: true })
  relay(near, far)
  relay(far, near)
})
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
