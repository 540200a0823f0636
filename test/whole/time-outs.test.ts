import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../../infra/local/setup/root.mjs'
import { runnerSettings } from '../../infra/program/settings.js'

// The time-outs that depend on each other stand in one list, in docs/architecture.md. What it says of a named constant is read out of
// the code here, and so is which of two must be the longer one.

const units = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000 } as const
const words = { millisecond: 1, second: 1_000, minute: 60_000, hour: 3_600_000 } as const

const sources = execFileSync('git', ['ls-files', '*.ts', '*.py'], { cwd: root, encoding: 'utf8' }).split('\n')
const settings: Record<string, number> = {
  RANK_STALL_SECONDS: runnerSettings.RANK_STALL_SECONDS.parse(undefined) * 1_000,
  RUNNER_ORPHAN_MINUTES: runnerSettings.RUNNER_ORPHAN_MINUTES.parse(undefined) * 60_000,
}

/** What a constant, or an option of this name, is set to in a file: milliseconds, or a count; an object gives several. */
function valuesOf(file: string, name: string): number[] {
  const path = pathOf(file)
  const setting = settings[name]
  if (setting !== undefined) return [setting]
  const found = new RegExp(`\\b${name}'?(?:: [^=\\n]+ =|:| =) (\\{[^}]*\\}|[^,\\n]+)`).exec(
    readFileSync(join(root, path), 'utf8'),
  )
  assert.ok(found, `${name} is not in ${path}`)
  const [, text = ''] = found
  const [, count, word] = /'([\d.]+) (millisecond|second|minute|hour)s?'/.exec(text) ?? []
  if (word !== undefined) return [Number(count) * words[word as keyof typeof words]]
  const unit = /seconds$/i.test(name) ? 1_000 : 1
  const products = text.replaceAll('hourMs', '3_600_000').matchAll(/\d[\d_.]*(?: \* \d[\d_.]*)*/g)
  return [...products].map(([product]) => product.replaceAll('_', '').split(' * ').map(Number).reduce(times) * unit)
}

const times = (one: number, other: number): number => one * other

/** The one source file of this path, or of this end of a path. */
function pathOf(file: string): string {
  const found = sources.filter((path) => path === file || path.endsWith(`/${file}`))
  assert.equal(found.length, 1, `${file} is ${found.length} files: ${found.join(', ')}`)
  return found[0] ?? ''
}

/** The rows of the list: its first cell, and the constants that its third one names, each with the file before it. */
function rows(): { value: string; named: [file: string, name: string][] }[] {
  const page = readFileSync(join(root, 'docs/architecture.md'), 'utf8')
  const list = page.slice(page.indexOf('## Time-outs that depend'), page.indexOf('## Progress never falls'))
  let file = ''
  return [...list.matchAll(/^\| ([^|*]+) \|[^|]+\| ([^|]+) \|[^|]+\|$/gm)].flatMap(([, value = '', where = '']) => {
    if (value === 'value' || value === '---') return []
    const ticked = [...where.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word)
    const named = ticked.flatMap((word): [string, string][] => {
      if (/\.(?:ts|py)$/.test(word)) pathOf((file = word))
      return /^\w+$/.test(word) ? [[file, word]] : []
    })
    return [{ value, named }]
  })
}

test('each constant that the list names is what its row says', () => {
  const wrong = rows().flatMap(({ value, named }) => {
    const told = [...value.matchAll(/([\d.]+)(?: (ms|s|min|h)\b)?/g)].map(
      ([, count, unit = 'ms']) => Number(count) * units[unit as keyof typeof units],
    )
    if (told.length === 0) return [] // "the same"
    return named.flatMap(([file, name]) => {
      const values = valuesOf(file, name)
      if (values.length > 0 && values.every((each) => told.includes(each))) return []
      return [`${name} in ${file} is ${values.join(', ')} ms; the list says ${value}`]
    })
  })
  assert.deepEqual(wrong, [])
  assert.ok(rows().flatMap(({ named }) => named).length > 50)
})

const workflow = 'workflows/video/video-workflow.ts'
const heartbeats: Named = ['activities/node-worker.ts', 'maxHeartbeatThrottleInterval']
const silence: Named = ['workflows/video/render-attempt.ts', 'silenceMs']
const attach: Named = ['workflows/video/render-generations.ts', 'attachWithinMs']
const ends = ['shutdownGraceTime', 'shutdownForceTime'] as const

type Named = readonly [file: string, name: string]

/** Each must be shorter than the next; of several values the longest counts before the sign, the shortest after it. */
const order: readonly (readonly Named[])[] = [
  [['activities/render/render-session.ts', 'heartbeatMs'], heartbeats, silence],
  [['activities/worker/runner-failure.ts', 'runnerLostAfterMs'], silence],
  [['activities/node/ask-workflow.ts', 'answerMs'], attach],
  [
    ['pipeline/rank/control.py', 'BEAT_SECONDS'],
    ['settings.ts', 'RANK_STALL_SECONDS'],
  ],
  [
    ['gaudi-runner/main.ts', 'idleMs'],
    ['settings.ts', 'RUNNER_ORPHAN_MINUTES'],
  ],
  [
    ['gaudi-runner/main.ts', 'graceMs'],
    ['infra/local/stack/program-part.ts', 'graceMs'],
  ],
  [
    ['activities/media/prepare.ts', 'timeoutMs'],
    [workflow, 'startToCloseTimeout'],
  ],
  [
    [workflow, 'cancelAnswerMs'],
    ['api/videos/video-updates.ts', 'updateMs'],
  ],
  [['api/videos/video-reader.ts', 'sharedMs'], heartbeats],
  [
    ['api/acceptance/start-video.ts', 'startMs'],
    ['api/acceptance/start-video.ts', 'settleEveryMs'],
  ],
  [
    ['check-voice.ts', 'decodeMs'],
    ['check-voice.ts', 'readUrlSeconds'],
  ],
  ...['videos-worker.ts', 'media-worker.ts', 'node-worker.ts'].map((file) => ends.map((name): Named => [file, name])),
  [
    ['accept-order.ts', 'startableMs'],
    ['sweep.ts', 'claimMs'],
    ['sweep.ts', 'leftoverMs'],
  ],
]

test('what must end before something else is the shorter one', () => {
  for (const chain of order) {
    for (const [index, longer] of chain.slice(1).entries()) {
      const shorter = chain[index] ?? longer
      const [most, least] = [Math.max(...valuesOf(...shorter)), Math.min(...valuesOf(...longer))]
      assert.ok(most < least, `${shorter.join(' ')} (${most} ms) must be below ${longer.join(' ')} (${least} ms)`)
    }
  }
})

test('sums: five lost announcements, an end of ranks within the wait for it, an attach before the job is given up', () => {
  const one = (...named: Named): number => Math.max(...valuesOf(...named))
  assert.ok(5 * one('workflows/node.ts', 'announceEveryMs') < one('workflows/node.ts', 'nodeGoneMs'))
  const group = 'ranks/rank-group.ts'
  const end = one('settings.ts', 'RANK_STALL_SECONDS') + one(group, 'brokenGraceMs') + one(group, 'killWaitMs')
  assert.ok(end < one('runner-client.ts', 'usualAbortMs'))
  const takenUpWithin = (one(...silence) + one(...attach)) / 60_000
  assert.ok(!runnerSettings.RUNNER_ORPHAN_MINUTES.safeParse(takenUpWithin).success)
})
