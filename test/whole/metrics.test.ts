import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { Registry } from 'prom-client'
import { parse } from 'yaml'
import { observeQueue } from '../../api/queue/queue-metrics.js'
import { problems } from '../../api/http/problems.js'
import { observeUploadSlots } from '../../api/intake/slot-metrics.js'
import { UnfinishedVideos } from '../../api/queue/unfinished-videos.js'
import { UploadPlaces } from '../../api/intake/upload-places.js'
import { observeFreeDisk } from '../../infra/files/free-disk.js'
import { root } from '../../infra/local/setup/root.mjs'
import { metricsWishes } from '../../infra/local/stack/metrics-ports.js'
import { ownVersion } from '../../infra/program/version.js'
import { failures } from '../../workflows/failures.js'
import { testStack } from '../support/test-stack.js'
import { until } from '../support/until.js'

const { apiUrl, metricsUrls } = testStack()
const page = readFileSync(join(root, 'docs/metrics.md'), 'utf8')

const scrape = async (url = ''): Promise<string> => (await fetch(url)).text()

/** The value of one series; 0 while it is not there. */
function valueOf(text: string, series: RegExp): number {
  const line = text.split('\n').find((one) => series.test(one))
  return Number(line?.split(' ').at(-1) ?? 0)
}

type Metric = { type: string; labels: Set<string>; of: Set<string>; meaning: string }

/** What the programs of the stack serve, without the process's own. */
async function served(): Promise<Map<string, Metric>> {
  const metrics = new Map<string, Metric>()
  for (const [part, url] of Object.entries(metricsUrls)) {
    const program = { api: 'API', videos: 'videos', media: 'media' }[part] ?? part.replace(/-\d$/, '')
    const text = await scrape(url)
    for (const [, name = '', meaning = '', type = ''] of text.matchAll(/^# HELP (\S+) (.*)\n# TYPE \S+ (\S+)/gm)) {
      if (/^(process|nodejs)_/.test(name)) continue
      const metric = metrics.get(name) ?? { type, meaning, labels: new Set(), of: new Set() }
      metrics.set(name, metric)
      metric.of.add(program)
      for (const [, labels = ''] of text.matchAll(new RegExp(`^${name}(?:_bucket|_sum|_count)?\\{(.*)\\} `, 'gm'))) {
        for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) {
          if (label !== 'program' && label !== 'le') metric.labels.add(label)
        }
      }
    }
  }
  return metrics
}

test('docs/metrics.md lists the metrics that the programs serve, with their meaning', async () => {
  // Some labels show with the first sample only: this request has one.
  await fetch(`${apiUrl}/v1/videos`, { method: 'POST' })
  const rows = new Map(
    page
      .split('\n')
      .filter((line) => /^\| `text2video_/.test(line))
      .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')))
      .map(([, name = '', type = '', labels = '', of = '', meaning = '']) => [name, { type, labels, of, meaning }]),
  )
  const metrics = await served()
  const expected = [...metrics].map(([name, { type, labels, of, meaning }]) => {
    const cells = [
      `\`${name}\``,
      type,
      rows.get(name)?.labels || [...labels].join(', '),
      [...of].sort().join(', '),
      meaning,
    ]
    return `| ${cells.join(' | ')} |`
  })
  assert.deepEqual(
    [...rows.keys()].sort(),
    [...metrics.keys()].sort(),
    `the table must be:\n${expected.sort().join('\n')}\n`,
  )
  for (const [name, { type, labels, of, meaning }] of metrics) {
    const row = rows.get(name)
    assert.deepEqual(
      { type: row?.type, of: row?.of, meaning: row?.meaning },
      { type, of: [...of].sort().join(', '), meaning: meaning.replaceAll('`', '') },
      name,
    )
    for (const label of labels) assert.ok(row?.labels.split(', ').includes(label), `${name} has the label ${label}`)
  }
})

test('the scrape configuration names the ports that npm start takes, and the alerts what there is', async () => {
  const [scraping, alerting] = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => parse(text) as any)
  const { targets } = scraping.scrape_configs[0].static_configs[0]
  const wishes = metricsWishes({ METRICS_PORT: 9464, NODES: 1, outside: {} })
  assert.deepEqual(
    targets,
    Object.values(wishes).map(({ port }) => `127.0.0.1:${port}`),
  )

  const names = new Set((await served()).keys())
  const rules: { alert: string; expr: string }[] = alerting.groups[0].rules
  assert.ok(rules.length > 5)
  for (const { alert, expr } of rules) {
    for (const [name] of expr.matchAll(/text2video_\w+/g)) assert.ok(names.has(name), `${alert}: ${name}`)
    for (const [, codes = ''] of expr.matchAll(/code!?[=~]+"([\w|]+)"/g))
      for (const code of codes.split('|')) assert.ok(code in failures, `${alert}: ${code}`)
    for (const [, type = ''] of expr.matchAll(/type="(\w+)"/g)) assert.ok(type in problems, `${alert}: ${type}`)
  }
})

test('every program says its version', async () => {
  for (const url of Object.values(metricsUrls)) {
    assert.match(await scrape(url), new RegExp(`^text2video_build_info\\{version="${ownVersion()}",.*\\} 1$`, 'm'))
  }
})

test('refusals are counted by type, an order that is refused once it is stored as refused, and /docs by its path', async () => {
  const before = await scrape(metricsUrls['api'])
  const form = new FormData()
  form.set('input_reference', new Blob([readFileSync(join(root, 'examples/single/ref_image.png'))]), 'a.png')
  form.set('audio', new Blob([readFileSync(join(root, 'examples/single/1.wav'))]), 'a.wav')
  form.set('steps', '0')
  assert.equal((await fetch(`${apiUrl}/v1/videos`, { method: 'POST', body: form })).status, 400)
  assert.equal((await fetch(`${apiUrl}/docs`)).status, 200)
  assert.equal((await fetch(`${apiUrl}/docs/swagger-ui.css`)).status, 200)
  const counted = [
    /refusals_total\{type="invalid_parameter"/,
    /upload_seconds_count\{.*outcome="refused"/,
    /request_seconds_count\{.*route="\/docs\/",status="200"/,
    /request_seconds_count\{.*route="\/docs\/swagger-ui.css"/,
  ]
  // A client has the last byte of an answer before the server has counted its request.
  const after = await until('all are counted', async () => {
    const now = await scrape(metricsUrls['api'])
    return counted.every((series) => valueOf(now, series) > valueOf(before, series)) && now
  })
  assert.doesNotMatch(after, /route="\/swagger/)
})

test('the space that is left on the disk is looked up at each scrape, and is not known where there is no folder', async () => {
  assert.ok(valueOf(await scrape(metricsUrls['runner-1']), /free_disk_bytes\{folder="runner"/) > 0)
  assert.ok(valueOf(await scrape(metricsUrls['media']), /free_disk_bytes\{folder="temp"/) > 0)
  const registry = new Registry()
  observeFreeDisk(registry, 'temp', '/no/such/folder')
  assert.match(await registry.metrics(), /free_disk_bytes\{folder="temp"\} Nan/i)
})

test('upload slots are told as they are at the scrape', async () => {
  const registry = new Registry()
  const places = new UploadPlaces({ places: 3, perAddress: 3 })
  observeUploadSlots(registry, places)
  {
    const { signal } = new AbortController()
    using _one = await places.take('127.0.0.1', signal)
    using _two = await places.take('127.0.0.2', signal)
    assert.match(await registry.metrics(), /upload_slots 3\n[\s\S]*upload_slots_taken 2\n/)
  }
  assert.match(await registry.metrics(), /upload_slots_taken 0\n/)
})

test('the age of the oldest queued video is that of the oldest, whatever its priority, and unknown without a queue', async () => {
  const videos = new UnfinishedVideos()
  const common = { work: 1, tokens: 1 }
  const registry = new Registry()
  let isKnown = true
  const queue = { videos: () => (isKnown ? Promise.resolve(videos) : Promise.reject(new Error('Temporal is away'))) }
  observeQueue(registry, queue, () => 100_000)
  const age = /^text2video_oldest_queued_video_seconds (\S+)$/m
  const told = async () => age.exec(await registry.metrics())?.[1]
  assert.equal(await told(), '0')
  videos.put({ id: 'a', phase: 'queued', priority: 1, createdAt: 90_000, ...common })
  videos.put({ id: 'b', phase: 'queued', priority: 5, createdAt: 40_000, ...common })
  videos.put({ id: 'c', phase: 'processing', priority: 3, createdAt: 10_000, ...common })
  assert.equal(await told(), '60')
  assert.match(await registry.metrics(), /unfinished_videos\{phase="processing"\} 1\n.*phase="queued"\} 2\n/)
  isKnown = false
  assert.equal(await told(), 'Nan')
})
