import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type Browser, chromium, type Locator, type Page } from 'playwright-core'
import { connectTemporal } from '../../infra/temporal/temporal.js'
import { onPath } from '../../infra/local/setup/parts.mjs'
import { startedOrder } from '../support/started-order.js'
import { testStack } from '../support/test-stack.js'
import { until } from '../support/until.js'

// The docs page as somebody uses it, in the Chromium of this machine, on the real stack.
const { apiUrl, temporalAddress, namespace, examplesDir } = testStack()
const executablePath = process.env['CHROMIUM_PATH'] ?? onPath('chromium') ?? onPath('chromium-browser')
const skip =
  executablePath === undefined && 'there is no Chromium: apt-get install chromium, or name one in CHROMIUM_PATH'
const picture = join(examplesDir, 'single/ref_image.png')
const voice = join(examplesDir, 'single/1.wav')
const people = join(examplesDir, 'multi/ref_img.png')
const voices = ['1-man.WAV', '1-woman.WAV'].map((name) => join(examplesDir, 'multi', name))

let browser: Browser | undefined
after(() => browser?.close())

/** A part of a form, as its bytes name it. */
type SentPart = { name: string; file: string | undefined }
type Proxy = AsyncDisposable & { url: string; orders: SentPart[][] }

/** A proxy that shows the API below a path, as the reverse proxies of `docs/reverse-proxy.md` do, and remembers what orders were made of. */
async function proxyBelow(prefix: string): Promise<Proxy> {
  const orders: SentPart[][] = []
  const server = createServer((req, res) => {
    const { method, headers, url = '' } = req
    if (!url.startsWith(prefix)) return void res.writeHead(404).end()
    const ahead = request(new URL(url.slice(prefix.length), `${apiUrl}/`), { method, headers }, (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(res)
    })
    if (method === 'POST') {
      let body = ''
      req.on('data', (piece: Buffer) => (body += piece.toString('latin1')))
      req.on('end', () => orders.push(partsOf(body)))
    }
    req.pipe(ahead)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${prefix}`,
    orders,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await once(server.close(), 'close')
    },
  }
}

function partsOf(body: string): SentPart[] {
  const heads = body.matchAll(/content-disposition: form-data; name="([^"]*)"(?:; filename="([^"]*)")?/gi)
  return [...heads].map(([, name = '', file]) => ({ name, file }))
}

/** What one can do on the page; `complaints` are the console's errors and what could not be loaded. */
type Docs = AsyncDisposable & {
  page: Page
  complaints: string[]
  field: (name: string) => Locator
  order(): Promise<any>
}

async function openDocs(url: string): Promise<Docs> {
  browser ??= await chromium.launch({
    ...(executablePath ? { executablePath } : {}),
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  })
  const page = await browser.newPage({ viewport: { width: 1300, height: 1600 } })
  const complaints: string[] = []
  page.on('console', (line) => line.type() === 'error' && complaints.push(line.text()))
  page.on('pageerror', ({ message }) => complaints.push(message))
  page.on('response', (answer) => answer.status() >= 400 && complaints.push(`${answer.status()} ${answer.url()}`))
  await page.goto(url)
  const operation = page.locator('#operations-videos-createVideo')
  await operation.locator('.opblock-summary-control').click()
  await operation.locator('.try-out__btn').click()
  return {
    page,
    complaints,
    field: (name) => operation.locator(`tr[data-property-name="${name}"]`),
    async order() {
      const answer = page.waitForResponse((response) => response.request().method() === 'POST')
      await operation.locator('.execute').click()
      return (await answer).json()
    },
    [Symbol.asyncDispose]: () => page.close(),
  }
}

const choose = (field: Locator, index: number, file: string) =>
  field.locator('input[type=file]').nth(index).setInputFiles(file)

/** The order as it was started, as JSON; its video is then taken back. */
async function takeBack(id: string): Promise<string> {
  await using temporal = await connectTemporal({ TEMPORAL_ADDRESS: temporalAddress, TEMPORAL_NAMESPACE: namespace })
  const order = JSON.stringify(await startedOrder(temporal.client, id))
  await fetch(`${apiUrl}/v1/videos/${id}/cancel`, { method: 'POST' })
  await until('the video is deleted', async () => {
    return (await fetch(`${apiUrl}/v1/videos/${id}`, { method: 'DELETE' })).status === 404
  })
  return order
}

for (const prefix of ['/', '/t2v/']) {
  test(`from the docs page below ${prefix} a video is ordered of nothing but the touched fields`, {
    skip,
  }, async () => {
    await using proxy = await proxyBelow(prefix)
    await using docs = await openDocs(proxy.url)
    assert.equal(docs.page.url().split('#')[0], `${proxy.url}docs/`)
    await choose(docs.field('input_reference'), 0, picture)
    await choose(docs.field('audio'), 0, voice)
    const { id } = await docs.order()
    assert.deepEqual(proxy.orders, [
      [
        { name: 'input_reference', file: 'ref_image.png' },
        { name: 'audio', file: '1.wav' },
      ],
    ])
    const order = await takeBack(id)
    for (const chosen of [/"preset":"quality"/, /"steps":50\b/]) assert.match(order, chosen)
    assert.deepEqual(docs.complaints, [])
  })
}

test('from the docs page a preset has its effect, and two voices and their boxes arrive', { skip }, async () => {
  await using proxy = await proxyBelow('/')
  await using docs = await openDocs(proxy.url)
  await choose(docs.field('input_reference'), 0, people)
  await choose(docs.field('audio'), 0, voices[0] ?? '')
  await docs.field('audio').locator('.json-schema-form-item-add').click()
  await choose(docs.field('audio'), 1, voices[1] ?? '')
  await docs.field('audio_type').locator('select').selectOption('para')
  await docs.field('preset').locator('select').selectOption('fast')
  const boxes = [
    { x: 180, y: 110, width: 310, height: 440 },
    { x: 700, y: 140, width: 380, height: 470 },
  ]
  await docs.field('bbox').locator('input').fill(JSON.stringify(boxes))
  const { id } = await docs.order()
  const names = proxy.orders[0]?.map(({ name, file }) => (file === undefined ? name : `${name}=${file}`)).toSorted()
  assert.deepEqual(names, [
    'audio=1-man.WAV',
    'audio=1-woman.WAV',
    'audio_type',
    'bbox',
    'input_reference=ref_img.png',
    'preset',
  ])
  const order = await takeBack(id)
  for (const chosen of [/"preset":"fast"/, /"steps":8\b/, /"para"/]) assert.match(order, chosen)
  assert.equal(JSON.parse(order).voices.length, 2)
  assert.ok(order.includes(JSON.stringify(boxes)), order)
  assert.deepEqual(docs.complaints, [])
  const shots = process.env['SCREENSHOTS']
  if (shots !== undefined) await docs.page.screenshot({ path: join(shots, 'docs.png') })
})
