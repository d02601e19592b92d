import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { extname, join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { RequestHandler } from 'express'
import { root } from '../version.ts'

const fromPackage = createRequire(import.meta.url).resolve
const ours = (name: string): string => join(root, 'public', name)

/** Our own styles in the order in which they build on each other. */
const styles = [
  'base',
  'frame',
  'menus',
  'controls',
  'cards',
  'pills',
  'notes',
  'lists',
  'members',
  'forms',
  'home',
  'windows',
  'charts',
  'pages',
  'passwords',
  'extensions',
  'setup',
  'audit',
  'fleet',
  'files',
  'states',
  'narrow',
  'narrow-lists',
  'touch',
  'print',
]

/** Our own scripts: one classic script in this order, in which names are shared. */
const scripts = [
  'base',
  'toast',
  'copy',
  'secret',
  'passwords',
  'theme',
  'set-up',
  'menu',
  'lists',
  'keys',
  'pickers',
  'save-bar',
  'members',
  'unsaved',
]

/** Everything a page loads, each from one file or several; the first stylesheet and htmx come from their packages as they are. */
const files = {
  'tabler.css': [fromPackage('@tabler/core/dist/css/tabler.min.css')],
  'htmx.js': [fromPackage('htmx.org/dist/htmx.min.js')],
  'app.css': styles.map((name) => ours(`css/${name}.css`)),
  'app.js': scripts.map((name) => ours(`js/${name}.js`)),
  'favicon.svg': [ours('favicon.svg')],
}

const types: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

type Asset = { type: string; plain: Buffer; br: Buffer; gzip: Buffer }
export type AssetName = keyof typeof files

/** Names carry the hash of what they name, so a browser keeps them for good; each is compressed once, at the start. */
export type Assets = { url: (name: AssetName) => string; serve: RequestHandler }

export async function loadAssets(): Promise<Assets> {
  const urls = {} as Record<AssetName, string>
  const assets = new Map<string, Asset>()
  for (const [name, paths] of Object.entries(files) as [AssetName, string[]][]) {
    const plain = Buffer.concat(await Promise.all(paths.map((path) => readFile(path))))
    const ending = extname(name)
    urls[name] = `/assets/${name.slice(0, -ending.length)}.${hash('sha256', plain).slice(0, 12)}${ending}`
    assets.set(urls[name], { type: types[ending] as string, plain, ...(await compressed(plain)) })
  }
  return { url: (name) => urls[name], serve: serveFrom(assets, urls) }
}

async function compressed(plain: Buffer): Promise<Pick<Asset, 'br' | 'gzip'>> {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 5 }
  return { br: await promisify(brotliCompress)(plain, { params }), gzip: await promisify(gzip)(plain) }
}

const serveFrom =
  (assets: Map<string, Asset>, urls: Record<AssetName, string>): RequestHandler =>
  (req, res, next) => {
    if (req.path === '/favicon.ico') return res.redirect(301, urls['favicon.svg'])
    const asset = assets.get(req.path)
    if (!asset) return next()
    const encoding = req.acceptsEncodings('br', 'gzip', 'identity')
    res.set({
      'Content-Type': asset.type,
      'Cache-Control': 'public, max-age=31536000, immutable',
      Vary: 'Accept-Encoding',
    })
    if (encoding !== 'br' && encoding !== 'gzip') return res.send(asset.plain)
    res.set('Content-Encoding', encoding).send(asset[encoding])
  }
