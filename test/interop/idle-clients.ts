import { connect, type Socket } from 'node:net'
import { bindRequest, message } from '../ldap/client.ts'

// Run by itself: opens so many connections to a port, binds each of them anonymously, and holds them until its input ends.

const [port = 0, count = 0] = process.argv.slice(2).map(Number)
const bind = message(1, bindRequest('', ''))
const atOnce = 250

function open(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bind))
    socket.once('error', reject)
    socket.once('data', () => resolve(socket))
  })
}

let closed = 0
for (let done = 0; done < count; done += atOnce)
  for (const socket of await Promise.all(Array.from({ length: Math.min(atOnce, count - done) }, open)))
    socket.on('error', () => {}).once('close', () => closed++)
process.stdout.write('open\n')
process.stdin.on('data', () => process.stdout.write(`${closed}\n`))
process.stdin.once('end', () => process.exit())
