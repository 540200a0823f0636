/** Texts of errors hold paths, keys and addresses: wherever one is thrown, operators find it and no client does. */
import { ApplicationFailure } from '@temporalio/common'
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { failure } from '../../activities/worker/activity-failure.js'
import { FollowedJobs } from '../../activities/render/followed-jobs.js'
import { createRenderActivities } from '../../activities/render/render.js'
import { createRenderMetrics } from '../../activities/render/render-metrics.js'
import { createWorkflowSignals } from '../../activities/render/workflow-signals.js'
import { Readiness } from '../../api/http/readiness.js'
import { VideoReader } from '../../api/videos/video-reader.js'
import { FfmpegFailed } from '../../infra/ffmpeg/ffmpeg.js'
import { connectObjectStore, StorageAway } from '../../infra/s3/s3-object-store.js'
import type { TemporalClient } from '../../infra/temporal/temporal.js'
import { failures } from '../../workflows/failures.js'
import { objectKeys } from '../../workflows/object-keys.js'
import type { RenderRequest, VideoActivities } from '../../workflows/video/video-activities.js'
import type { VideoMemo } from '../../workflows/video.js'
import { startTestApi } from '../support/api/api-fixture.js'
import { ffmpeg } from '../support/api/api-media.js'
import { orderForm } from '../support/api/api-orders.js'
import { startLocalRunner, untilIdle } from '../support/runner/local-runner.js'
import { until } from '../support/until.js'
import { testStack } from '../support/test-stack.js'
import { openStage, type StagedVideo } from '../support/video/video-stage.js'
import { progressAt, untilCancelled } from '../support/video/video-stories.js'

const secrets = ['/srv/secret/reference', 'AKIASECRETKEY', '10.9.8.7:7233']
const flac = ffmpeg('-f', 'lavfi', '-i', 'sine=d=1:r=16000', '-f', 'flac', 'pipe:1')
const text = `cannot read '${secrets[0]}' with ${secrets[1]} at ${secrets[2]}`

const store = await connectObjectStore(testStack().s3)
const runner = await startLocalRunner()
const stage = await openStage()
const { client } = stage.temporal
const reader = new VideoReader(client)
const api = await startTestApi({ parts: { client, reader } })
after(async () => {
  await api[Symbol.asyncDispose]()
  await stage[Symbol.asyncDispose]()
  await runner[Symbol.asyncDispose]()
  await store[Symbol.asyncDispose]()
})

/** The whole answer, headers and all, which holds none of the secrets, nor a folder of the runner. */
async function told(
  url: string,
  method = 'GET',
  { body, headers = {} }: { body?: FormData; headers?: Record<string, string> } = {},
): Promise<{ status: number; body: any }> {
  const answer = await fetch(url, { method, headers, ...(body && { body }) })
  const said = await answer.text()
  const all = said + JSON.stringify([...answer.headers])
  for (const secret of [...secrets, runner.dir, 'ENOTDIR'])
    assert.ok(!all.includes(secret), `${method} ${url} tells ${secret}: ${all}`)
  return { status: answer.status, body: said === '' ? undefined : JSON.parse(said) }
}

/** Asks everything that can be asked of a failed video, and then deletes it. */
async function askAll(video: StagedVideo): Promise<any> {
  const url = `${api.url}/v1/videos/${video.id}`
  reader.forget(video.id)
  const { status, body } = await told(url)
  assert.equal(status, 200)
  assert.equal((await told(`${url}/content`)).status, 409)
  assert.equal((await told(`${url}/cancel`, 'POST')).status, 409)
  assert.equal((await told(url, 'DELETE')).body.status, 'deleted')
  assert.equal((await told(url)).status, 404)
  return body
}

/** The operator's side: the memo, the page of the web UI, and the history. */
async function assertFound(video: StagedVideo, { error, attempts }: VideoMemo, secret = text): Promise<void> {
  const noted = error?.detail ?? attempts?.newest.at(-1)?.detail ?? ''
  assert.ok(noted.includes(secret), `the memo: ${noted}`)
  const history = JSON.stringify(await video.handle.fetchHistory())
  assert.ok(history.includes(secret.slice(0, 30)), 'the history')
}

/** Every shape in which an error comes out of an activity. */
const errors: Record<string, () => unknown> = {
  'an error': () => new TypeError(text),
  'one with a cause': () => new Error('it failed', { cause: new Error(text) }),
  'a failure of ours': () => failure('bad_output', text),
  'a failure of the SDK': () => ApplicationFailure.nonRetryable(text, 'SomethingNew', { text }),
  ffmpeg: () => new FfmpegFailed('refused', 1, text),
}

test('what an activity throws is in no answer, and operators find it', async () => {
  const thrown = (error: unknown) => async (): Promise<never> => {
    throw error
  }
  const places: (keyof VideoActivities)[] = ['prepare', 'render', 'attach', 'assemble']
  for (const place of places) {
    for (const [name, error] of Object.entries(errors)) {
      const play: Partial<VideoActivities> = { [place]: thrown(error()) }
      if (place === 'attach') {
        play.render = async ({ generation }) => {
          await video.tellStarted(generation)
          throw failure('worker_lost', text, { progress: progressAt(generation, 0, 1) })
        }
      }
      const video: StagedVideo = await stage.start(play)
      const memo = await video.reached('failed')
      if (name !== 'one with a cause') await assertFound(video, memo)
      const { error: sentence, error_code } = await askAll(video)
      const code = name === 'a failure of ours' ? 'bad_output' : 'internal'
      assert.deepEqual([sentence, error_code], [failures[code].told, code], `${place}: ${name}`)
    }
  }
})

test('what a removal throws is in no answer', async () => {
  const failing = async (): Promise<never> => {
    throw new Error(text)
  }
  const kept = await stage.start({ remove: failing })
  const cancelled = await stage.start({ prepare: untilCancelled, removeMade: failing })
  await kept.reached('completed')
  const url = (video: StagedVideo) => `${api.url}/v1/videos/${video.id}`
  const [gone, stopped] = await Promise.all([told(url(kept), 'DELETE'), told(`${url(cancelled)}/cancel`, 'POST')])
  assert.equal(gone.status, 503)
  assert.deepEqual([stopped.body.error, stopped.body.error_code], ['cancelled', 'cancelled'])
  for (const video of [kept, cancelled]) await video.handle.terminate()
})

/** The real `render`, on the real runner, whose ranks do what the prompt says. */
function rendering(prompt: string): Pick<VideoActivities, 'render'> {
  const activities = createRenderActivities({
    ...{ store, runner: runner.client, node: 'n1', followed: new FollowedJobs(), isLeaving: () => false },
    ...{
      signals: createWorkflowSignals(client),
      metrics: createRenderMetrics(new Registry()),
      log: pino({ level: 'silent' }),
    },
  })
  return {
    async render(request: RenderRequest) {
      const stored = async (key: string) => {
        const bytes = randomBytes(1000)
        await store.put(key, bytes)
        return { key, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
      }
      const parameters = { ...request.order.parameters, prompt, steps: 4 }
      const analysis = await stored(objectKeys.preparedVoice(request.order.videoId, 0))
      const voices = request.order.voices.map((voice) => ({ ...voice, analysis }))
      const order = { ...request.order, voices, parameters, width: 64, height: 64 }
      const reference = { kind: 'picture' as const, ...(await stored(order.reference.key)) }
      await untilIdle(runner.client)
      return await activities.render({ ...request, order, reference })
    },
  }
}

test('what a rank says is in no answer, and operators find it', async () => {
  const cases = [
    [`rank 1 throws saying ${text}`, 'rank_failed'],
    [`rank 1 is not a number saying ${text}`, 'not_a_number'],
    [`is refused saying ${text}`, 'voice_silent'],
  ] as const
  for (const [prompt, code] of cases) {
    const video = await stage.start(rendering(prompt))
    await until('the failure', async () => (await video.memo()).phase === 'failed')
    const memo = await video.memo()
    await assertFound(video, memo)
    assert.deepEqual([memo.error?.code, memo.model], [code, 'Acted-demo'])
    const { error, error_code, model } = await askAll(video)
    assert.deepEqual([error, error_code, model], [failures[code].told, code, 'Acted-demo'])
    await store.removeAll(objectKeys.video(video.id))
  }
})

test('what the system tells the runner is in no answer, and operators find it', async () => {
  const jobs = join(runner.dir, 'jobs')
  await untilIdle(runner.client)
  await rm(jobs, { recursive: true, force: true })
  await writeFile(jobs, 'in the way')
  const video = await stage.start(rendering('a person talks'))
  await until('an attempt that ended', async () => (await video.memo()).attempts !== undefined)
  const memo = await video.memo()
  assert.equal(memo.attempts?.newest[0]?.code, 'disk_full')
  await assertFound(video, memo, jobs)
  const url = `${api.url}/v1/videos/${video.id}`
  reader.forget(video.id)
  const { body } = await told(url)
  assert.deepEqual([body.error, body.error_code], ['', null])
  await told(`${url}/content`)
  await rm(jobs)
  await told(`${url}/cancel`, 'POST')
  await told(url, 'DELETE')
  await store.removeAll(objectKeys.video(video.id))
})

test('what storage and Temporal say to the API is in no answer, nor in that of a probe', async () => {
  const away = Object.assign(new Error(text), { code: 14, details: text, metadata: {} })
  const ways: Error[] = [
    new StorageAway(new Error(text)),
    new TypeError(text),
    away,
    new FfmpegFailed('refused', 1, text),
  ]
  for (const error of ways) {
    const failing = () => Promise.reject(error)
    const temporal = { ping: failing, client, connection: { withDeadline: failing } } as unknown as TemporalClient
    const readiness = new Readiness({ temporal, store: { ping: failing }, log: pino({ level: 'silent' }) })
    const answering = { requireForUpload: () => Promise.resolve(), states: () => readiness.states() }
    await using broken = await startTestApi({ parts: { readiness: answering as unknown as Readiness } })
    const { store: bucket, started, url } = broken
    const memo: VideoMemo = {
      ...{ phase: 'completed', prompt: '', width: 64, height: 64, seconds: 1, work: 1, tokens: 1, createdAt: 0 },
      file: { bytes: 10, sha256: 'ab', frames: 1, seconds: 1 },
    }
    const id = 'video_1766454718_aaaaaaaaaa'
    started.push({ id, memo, options: {} })
    const order = (key: string) =>
      told(`${url}/v1/videos`, 'POST', { body: orderForm({}, flac), headers: { 'idempotency-key': key } })
    assert.equal((await order('earlier')).status, 200)
    for (const name of ['get', 'read', 'put', 'create', 'upload', 'readUrl', 'pour'] as const) {
      const works = bucket[name]
      bucket[name] = failing as never
      // A claim and the order that it names are read for a repetition alone.
      if (name === 'pour') assert.equal((await told(`${url}/v1/videos/${id}/content`)).status, 503)
      else assert.ok((await order(/get|read$/.test(name) ? 'earlier' : name)).status >= 400, name)
      bucket[name] = works as never
    }
    const ready = await told(`${url}/readyz`)
    assert.equal(ready.status, 503)
    assert.deepEqual(
      Object.values(ready.body.parts as Record<string, { why: string }>).map(({ why }) => why),
      ['Temporal does not answer', 'the object store does not answer', 'no worker takes videos'],
    )
    await told(`${url}/healthz`)
    for (const how of ['POST', 'DELETE'] as const) {
      await told(`${url}/v1/videos/${id}${how === 'POST' ? '/cancel' : ''}`, how)
    }
    await assert.rejects(readiness.requireForUpload(), (problem: Error) => !problem.message.includes(text))
  }
})
