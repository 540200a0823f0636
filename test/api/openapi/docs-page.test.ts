import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import test from 'node:test'
import { runInNewContext } from 'node:vm'
import express from 'express'
import { docsPage } from '../../../api/openapi/docs-page.js'
import { openApiDocument } from '../../../api/openapi/openapi.js'

/** The page below a path, as a proxy with a prefix shows it. */
async function underPrefix(prefix: string): Promise<AsyncDisposable & { url: string }> {
  const server = express().use(prefix, docsPage()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}${prefix}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await once(server.close(), 'close')
    },
  }
}

for (const prefix of ['/', '/t2v/']) {
  test(`below ${prefix} the root and /docs lead to the page, and all that it loads is there`, async () => {
    await using site = await underPrefix(prefix)
    for (const path of ['', 'docs', 'docs/']) {
      const page = await fetch(`${site.url}${path}`)
      assert.equal(page.url, `${site.url}docs/`)
      assert.equal(page.status, 200)
      const html = await page.text()
      const policy = page.headers.get('content-security-policy') ?? ''
      assert.doesNotMatch(html + policy, /https?:/) // nothing of another host
      assert.match(policy, /script-src 'self';/)
      const loaded = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address = '']) => new URL(address, page.url))
      assert.equal(loaded.length, 4)
      for (const { href } of loaded) {
        assert.ok(href.startsWith(`${site.url}docs/`), href)
        assert.equal((await fetch(href)).status, 200, href)
      }
    }
  })
}

test('in the page’s copy of the document whatever may be left out starts empty', async () => {
  await using site = await underPrefix('/')
  const window: { onload?: () => void } = {}
  let given: any
  runInNewContext(await (await fetch(`${site.url}docs/start.js`)).text(), {
    window,
    SwaggerUIBundle: (options: unknown) => (given = options),
  })
  window.onload?.()
  assert.equal(given.url, '../openapi.json')
  const document = JSON.parse(JSON.stringify(openApiDocument()))
  let copy: any
  given.plugins[0]().statePlugins.spec.wrapActions.updateJsonSpec((shown: unknown) => (copy = shown))(document)
  const { properties, required } = copy.components.schemas.VideoOrder
  for (const [name, property] of Object.entries<any>(properties)) {
    const { example, examples, default: fallback } = property
    assert.deepEqual(
      [example, examples, fallback],
      [required.includes(name) ? undefined : '', undefined, undefined],
      name,
    )
  }
  assert.match(properties.size.description, /Example: `480p`\.$/)
})
