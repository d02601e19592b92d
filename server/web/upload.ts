import busboy from 'busboy'
import type { Request } from 'express'
import { Invalid } from '../errors.ts'

/** The one file of a form, in memory. The rest of the body is read and dropped, so that the answer can be sent. */
export function receiveFile(req: Request, field: string, maxBytes: number): Promise<{ file: string; text: Buffer }> {
  return new Promise((resolve, reject) => {
    const fail = (sentence: string): void => {
      req.unpipe()
      req.resume()
      reject(new Invalid({ [field]: sentence }))
    }
    let form: busboy.Busboy
    try {
      form = busboy({
        headers: req.headers,
        limits: { files: 1, fields: 20, fileSize: maxBytes, parts: 30 },
        defParamCharset: 'utf8',
      })
    } catch {
      return fail('The form was not sent as a file upload.')
    }
    const chunks: Buffer[] = []
    let [file, tooLarge] = ['', false]
    form.on('file', (name, stream, info) => {
      if (name !== field) return stream.resume()
      file = info.filename ?? ''
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('limit', () => {
        tooLarge = true
      })
    })
    form.on('error', () => fail('The upload broke off. Send the file again.'))
    form.on('close', () => {
      if (tooLarge) return fail(`The file is larger than ${maxBytes / 1024 / 1024} MB. Split it.`)
      resolve({ file: file.slice(0, 200), text: Buffer.concat(chunks) })
    })
    req.pipe(form)
    req.once('aborted', () => fail('The upload broke off. Send the file again.'))
  })
}
