import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { pluginGroup } from '../../server/extensions/extension.ts'
import { extensions, plugins } from '../../server/extensions/index.ts'

const samples: Record<string, string> = { email: 'anna@example.lan', telephone: '+46 40 555 7260', text: 'Some text' }

for (const extension of extensions) {
  for (const [name, field] of Object.entries(extension.user)) {
    const typed = field.options?.[0]?.value ?? (name === 'home' ? '/home/anna' : (samples[field.type] ?? ''))

    test(`${extension.name}.${name}: what is typed becomes a value and the same text again`, () => {
      const result = field.parse(`  ${typed} `)
      assert.ok('value' in result)
      assert.equal(field.format(result.value), typed)
      assert.deepEqual(field.parse(field.format(result.value)), result)
    })

    test(`${extension.name}.${name}: any text gets a value or a sentence, quickly`, () => {
      fc.assert(
        fc.property(fc.string({ unit: 'binary' }), (text) => {
          const result = field.parse(text)
          if ('problem' in result) assert.match(result.problem, /[.…]$/)
        }),
      )
      const started = performance.now()
      for (const long of ['a'.repeat(50_000), `${'a@'.repeat(25_000)}`, `+${'1 '.repeat(25_000)}`, '/'.repeat(50_000)])
        field.parse(long)
      assert.ok(performance.now() - started < 200)
    })
  }
}

test('no two fields claim one attribute or one CSV column', () => {
  const attributes = extensions.flatMap(({ user }) => Object.values(user).map((field) => field.attribute.toLowerCase()))
  assert.equal(new Set(attributes).size, attributes.length)
  const columns = extensions.flatMap((one) =>
    Object.entries(one.user).map(([name, field]) => `${one.name}.${field.column ?? name}`),
  )
  assert.equal(new Set(columns).size, columns.length)
})

test('the five plugins of the user’s document are declared, each with a group of its own', () => {
  assert.deepEqual(plugins.map(pluginGroup), [
    'ftp_plugin',
    'pptpd_plugin',
    'print_server_plugin',
    'smtp_plugin',
    'web_proxy_plugin',
  ])
})
