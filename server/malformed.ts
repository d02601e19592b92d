import { type RequestListener, type Server, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'

// RFC 9112 section 3.2 for the first: who looks at the first of two and who looks at the last see two requests.
const once = ['host', 'authorization', 'content-type']

/** Passes on what a face can read; the rest of what HTTP lets through is answered here, in a sentence. */
export const wellFormed =
  (app: RequestListener): RequestListener =>
  (req, res) => {
    const refuse = (sentence: string): void => {
      res.writeHead(400, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' })
      res.end(`${sentence}\n`)
    }
    const names = req.rawHeaders.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase())
    const twice = once.find((name) => names.indexOf(name) !== names.lastIndexOf(name))
    if (twice) return refuse(`The request has two headers ${twice}.`)
    if (req.url === '*') return refuse('The request is for no address.')
    app(req, res)
  }

/** What is no request at all is told so before its connection ends; node would end it without a word. */
export function answerMalformed(server: Server): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
    const [status, sentence] = sentences[error.code ?? ''] ?? [400, 'This is no request that HTTP knows.']
    end(socket, status, sentence)
  })
  server.on('connect', (_req, socket) => end(socket, 405, 'This node is no proxy.'))
}

const sentences: Record<string, [number, string]> = {
  HPE_HEADER_OVERFLOW: [431, 'The head of the request is larger than 16 kB.'],
  HPE_INVALID_METHOD: [400, 'There is no such method.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request did not come to its end in time.'],
}

function end(socket: Duplex, status: number, sentence: string): void {
  const body = `${sentence}\n`
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}
