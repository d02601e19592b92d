import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { commands } from '../../server/api/commands.ts'
import { base, routes } from '../../server/api/routes.ts'
import { anApi } from '../support/api.ts'
import { aMasterStore } from '../support/store.ts'

let store: Awaited<ReturnType<typeof aMasterStore>>
let api: Awaited<ReturnType<typeof anApi>>

before(async () => {
  store = await aMasterStore()
  api = await anApi(store.db)
})
after(async () => {
  await api.close()
  await store.close()
})

test('the document is OpenAPI 3.1 by the schema of the OpenAPI Initiative', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(api.document))
  assert.equal(valid, true, JSON.stringify(errors))
  assert.equal(api.document.openapi, '3.1.0')
})

test('every route is in the document, and nothing else', () => {
  const told = Object.entries(api.document.paths).flatMap(([path, operations]) =>
    Object.keys(operations as object).map((method) => `${method.toUpperCase()} ${path}`),
  )
  assert.deepEqual(told.sort(), routes.map(({ method, path }) => `${method} ${path}`).sort())
  assert.equal(api.document.servers[0].url, base)
})

test('no two operations have one id, and every reference leads somewhere', () => {
  const ids = Object.values(api.document.paths).flatMap((path) =>
    Object.values(path as object).map((operation) => operation.operationId),
  )
  assert.equal(new Set(ids).size, ids.length)
  for (const [, name] of JSON.stringify(api.document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g))
    assert.equal(name !== undefined && name in api.document.components.schemas, true, name)
})

test('every part of a path is an argument of the command behind it', () => {
  for (const { path, command } of routes)
    for (const [, name = ''] of path.matchAll(/\{(\w+)\}/g))
      assert.equal(name in commands[command].args.shape, true, `${path} ${command}`)
})

test('no answer that the document describes has a hash of a password or of a token in it', () => {
  const text = JSON.stringify(api.document)
  for (const secret of ['tokenHash', 'passwordHistory', 'passwordHash', '"invitation"'])
    assert.equal(text.includes(secret), false, secret)
})
