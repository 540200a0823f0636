import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { errorSchema, openApiDocument } from '../../../api/openapi/openapi.js'
import { parametersSchema } from '../../../api/parameters/parameters.js'
import { presentVideo, progressPercent, type VideoState } from '../../../api/videos/present-video.js'
import { Problem, problems, type ProblemType } from '../../../api/http/problems.js'
import { newVideoId } from '../../../api/acceptance/video-id.js'
import { videoSchema } from '../../../api/videos/video-schema.js'
import { failures } from '../../../workflows/failures.js'
import { phases, type VideoMemo, videoIdPattern } from '../../../workflows/video.js'

const memo: VideoMemo = {
  phase: 'queued',
  prompt: 'a woman sings',
  width: 448,
  height: 832,
  seconds: 10.68,
  work: 1000,
  tokens: 100,
  createdAt: 1_766_454_718_900,
}
const nobodyAhead = { queueLength: 0, estimatedMinutes: 0, model: 'InfiniteTalk-demo' }
const state = (changes: Partial<VideoMemo>, progress?: VideoState['progress']): VideoState => ({
  id: 'video_1766454718_abcdefghij',
  memo: { ...memo, ...changes },
  priority: 3,
  progress,
})

test('a queued video is answered with the keys and types of the contract', () => {
  const answer = presentVideo(state({}), { queueLength: 1, estimatedMinutes: 14, model: 'InfiniteTalk' })
  assert.deepEqual(answer, {
    id: 'video_1766454718_abcdefghij',
    object: 'video',
    model: 'InfiniteTalk',
    status: 'queued',
    progress: 0,
    created_at: 1766454718,
    estimated_time: 14,
    queue_length: 1,
    duration: 0,
    seconds: '10',
    error: '',
    error_code: null,
    completed_at: null,
    expires_at: null,
    prompt: 'a woman sings',
    size: '448x832',
    remixed_from_video_id: null,
  })
})

test('every phase has a status of the contract, and its answer fits the schema', () => {
  const shown = phases.map((phase) => {
    const error = { code: 'voice_unreadable', detail: 'ffmpeg: /tmp/x: broken' } as const
    const answer = videoSchema.parse(presentVideo(state({ phase, error }), nobodyAhead))
    return [phase, answer.status, answer.error, answer.error_code]
  })
  assert.deepEqual(shown, [
    ['queued', 'queued', '', null],
    ['processing', 'processing', '', null],
    ['completed', 'completed', '', null],
    ['failed', 'error', failures.voice_unreadable.told, 'voice_unreadable'],
    ['cancelled', 'error', 'cancelled', 'cancelled'],
    ['deleting', 'deleted', '', null],
  ])
})

test('the model is that of the node that took the video, and before that of the setting ENGINE', () => {
  const shown = (model?: string) =>
    presentVideo(state({ phase: 'processing', ...(model && { model }) }), nobodyAhead).model
  assert.equal(shown(), 'InfiniteTalk-demo')
  assert.equal(shown('InfiniteTalk'), 'InfiniteTalk')
})

test('progress never falls and is 100 only of a completed video', () => {
  const render = {
    doing: 'rendering' as const,
    node: 'n',
    generation: 2,
    chunk: 1,
    chunks: 2,
    step: 25,
    steps: 50,
    secondsLeft: 3,
  }
  const of = (changes: Partial<VideoMemo>, progress = render) => progressPercent({ ...memo, ...changes }, progress)
  assert.equal(of({ phase: 'processing', generation: 2 }), 75)
  assert.equal(of({ phase: 'processing', generation: 2, progressFloor: 80 }), 80)
  assert.equal(of({ phase: 'processing', generation: 3, progressFloor: 60 }), 60) // what an earlier attempt said
  assert.equal(of({ phase: 'processing', generation: 2 }, { ...render, chunk: 2, step: 0 }), 99)
  assert.equal(of({ phase: 'queued', progressFloor: 40 }), 40)
  assert.equal(of({ phase: 'completed' }), 100)
  assert.equal(of({ phase: 'failed', progressFloor: 99 }), 99)
})

test('duration counts the seconds of rendering, so far or in all', () => {
  const startedAt = 1_000_000
  const duration = (changes: Partial<VideoMemo>) => presentVideo(state(changes), nobodyAhead, 1_430_000).duration
  assert.equal(duration({}), 0)
  assert.equal(duration({ phase: 'processing', startedAt }), 430)
  assert.equal(duration({ phase: 'completed', startedAt, endedAt: 1_100_400 }), 100)
})

test('a result of half a second is said to have one', () => {
  assert.equal(presentVideo(state({ seconds: 0.4 }), nobodyAhead).seconds, '1')
})

test('times of a completed video are whole seconds', () => {
  const ended = { phase: 'completed', endedAt: 1_766_454_800_999, expiresAt: 1_769_046_800_999 } as const
  const answer = presentVideo(state(ended), nobodyAhead)
  assert.deepEqual([answer.completed_at, answer.expires_at], [1_766_454_800, 1_769_046_800])
  assert.equal(presentVideo(state({ ...ended, phase: 'failed' }), nobodyAhead).completed_at, null)
})

test('ids made in the same second differ and fit the pattern', () => {
  const ids = Array.from({ length: 2000 }, () => newVideoId(1_766_454_718_000))
  assert.equal(new Set(ids).size, ids.length)
  for (const id of ids) assert.match(id, videoIdPattern)
})

test('every problem has one body, fits the schema, and is in the guide and in the OpenAPI document', () => {
  const guide = readFileSync('docs/errors.md', 'utf8')
  const document = JSON.stringify(openApiDocument())
  for (const [type, { status, meaning }] of Object.entries(problems)) {
    const { error } = errorSchema.parse(new Problem(type as ProblemType, 'why', { param: 'steps' }).body)
    assert.equal(error.code, String(status))
    assert.ok(guide.includes(`| \`${type}\` | ${status} | ${meaning} |`), `docs/errors.md: ${type}`)
    assert.ok(document.includes(`\`${type}\`: ${meaning}`), `openapi: ${type}`)
  }
  const rows = guide.split('\n').filter((line) => line.startsWith('| `') && line.split('|').length === 5)
  assert.equal(rows.length - 1, Object.keys(problems).length)
})

test('the OpenAPI document shows every parameter with its bounds', () => {
  const { components } = openApiDocument() as any
  const { properties } = components.schemas.VideoOrder
  assert.deepEqual(Object.keys(properties).slice(2), Object.keys(parametersSchema.shape))
  const { type, minimum, maximum } = properties.steps
  assert.deepEqual({ type, minimum, maximum }, { type: 'integer', minimum: 1, maximum: 100 })
  assert.equal(properties.prompt.maxLength, 4000)
  const keys = Object.keys(components.schemas.Video.properties)
  assert.equal(keys.length, 17)
})
