import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'

// A service as its own process: it opens a directory, reads certificate and key in it, and tells what it found when it is asked to end.

const [service = '', ...dirs] = process.argv.slice(2)
const found = { read: 0, serials: new Set<string>(), misfits: [] as string[] }

function read(dir: string): void {
  try {
    const at = realpathSync(dir)
    const certificate = new X509Certificate(readFileSync(join(at, `${service}.pem`)))
    const key = createPrivateKey(readFileSync(join(at, `${service}.key`)))
    found.read++
    found.serials.add(certificate.serialNumber)
    if (!certificate.checkPrivateKey(key)) found.misfits.push(certificate.serialNumber)
  } catch (error) {
    found.misfits.push(String(error))
  }
}

process.on('message', () => {
  process.send?.({ read: found.read, serials: [...found.serials], misfits: found.misfits.slice(0, 20) })
  process.disconnect()
})
const loop = (): void => {
  if (!process.connected) return
  for (const dir of dirs) read(dir)
  setTimeout(loop, 1)
}
process.send?.('reading')
loop()
