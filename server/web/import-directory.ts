import type { Request, Response } from 'express'
import type { Certificate } from '../accounts/directory-certificate.ts'
import { type DirectoryGiven, type Security, Untrusted } from '../accounts/directory-connection.ts'
import { type DirectoryLook, lookAtDirectory, readDirectory } from '../accounts/directory-import.ts'
import { messageOf, type Problems } from '../errors.ts'
import { asked, type Form, formOf, problemsOf } from './form.ts'
import { keepDraft } from './import-draft.ts'
import { keptFor } from './kept-for.ts'
import { dbOf } from './node.ts'
import { redirect, render } from './render.ts'

const securities: readonly { security: Security; title: string; text: string }[] = [
  { security: 'ldaps', title: 'LDAPS', text: 'TLS from the start, usually port 636.' },
  { security: 'starttls', title: 'StartTLS', text: 'TLS on the plain port, usually 389.' },
  { security: 'plain', title: 'Plain', text: 'Anybody on the way can read everything, the password too.' },
]

/** A directory that is looked at. Its password is here until everything is read, and nowhere else. */
type Connection = {
  given: DirectoryGiven
  look?: DirectoryLook
  reading?: { entries: number; stop: AbortController; draft?: string; problem?: string }
}

const connections = keptFor<Connection>(30 * 60_000)

function forget(req: Request): void {
  connections.get(req)?.reading?.stop.abort()
  connections.drop(req)
}

const nothing: DirectoryGiven = { url: '', security: 'ldaps', bindDn: '', password: '', base: '' }

/** The form; while entries are read, how many there are; then on to what they mean. */
export async function showImportDirectory(req: Request, res: Response): Promise<void> {
  if (asked(req, 'new') !== '') forget(req)
  const connection = connections.get(req)
  const reading = connection?.reading
  if (reading?.draft) {
    forget(req)
    const to = `/import/columns/${reading.draft}`
    if (req.get('HX-Request') === 'true') return void res.set('HX-Redirect', to).end()
    return void res.redirect(303, to)
  }
  if (connection && reading && !reading.problem) {
    if (req.get('HX-Request') !== 'true') res.set('Refresh', '3')
    return render(req, res, 'import/reading', { given: connection.given, reading }, { part: 'import/_reading' })
  }
  const problems: Problems = reading?.problem ? { '': reading.problem } : {}
  if (connection) delete connection.reading
  await showForm(req, res, { given: connection?.given, look: connection?.look, problems })
}

type Shown = {
  given?: DirectoryGiven | undefined
  look?: DirectoryLook | undefined
  certificate?: Certificate
  problems?: Problems
}

async function showForm(
  req: Request,
  res: Response,
  { given = nothing, problems = {}, ...more }: Shown,
): Promise<void> {
  const { password, ...typed } = given
  const status = Object.keys(problems).length > 0 ? 422 : 200
  await render(req, res, 'import/directory', { typed, problems, securities, ...more }, { status })
}

/** Connects and looks; a certificate that nobody vouches for is shown and asked about. */
export async function saveImportDirectory(req: Request, res: Response): Promise<void> {
  const form = formOf(req)
  const before = connections.get(req)?.given
  // The second question is about the certificate alone: what was typed before waits here, not in the page.
  const trusted = form.text('fingerprint')
  const given = trusted && before ? { ...before, fingerprint: trusted } : typedDirectory(form)
  forget(req)
  connections.set(req, { given })
  try {
    const look = await lookAtDirectory(given)
    connections.set(req, { given, look })
    await showForm(req, res, { given, look })
  } catch (error) {
    const problems = problemsOf(error)
    if (error instanceof Untrusted) return showForm(req, res, { given, certificate: error.certificate, problems: {} })
    forget(req)
    await showForm(req, res, { given, problems })
  }
}

const typedDirectory = (form: Form): DirectoryGiven => ({
  url: form.text('url').trim().slice(0, 300),
  security: securities.find(({ security }) => security === form.text('security'))?.security ?? 'ldaps',
  bindDn: form.text('bindDn').trim().slice(0, 1000),
  password: form.text('password').slice(0, 1000),
  base: form.text('base').trim().slice(0, 1000),
  ca: form.text('ca').trim().slice(0, 100_000) || undefined,
})

/** Reads everyone and every group in the background. */
export async function readImportDirectory(req: Request, res: Response): Promise<void> {
  const db = dbOf(req)
  const connection = connections.get(req)
  if (!connection?.look)
    return redirect(req, res, '/import/directory', 'The connection is no longer here. Connect again.', 'look')
  const { given, look } = connection
  if (!connection.reading || connection.reading.problem) {
    const reading: Connection['reading'] = { entries: 0, stop: new AbortController() }
    connection.reading = reading
    const told = (entries: number) => {
      reading.entries = entries
    }
    readDirectory(db, { ...given, base: look.base }, told, reading.stop.signal)
      .then((table) => {
        // Once everything is read, the password is not needed any more.
        connection.given = { ...given, password: '' }
        reading.draft = keepDraft(req, { file: given.url, from: 'directory', table }).id
      })
      .catch((error) => {
        reading.problem = messageOf(error)
      })
  }
  res.redirect(303, '/import/directory')
}
