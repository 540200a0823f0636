import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { pino } from 'pino'
import { estimatedMinutes } from '../../../api/queue/estimate.js'
import { Nodes } from '../../../api/queue/nodes.js'
import { type Listed, QueueView, type VideoLister } from '../../../api/queue/queue-view.js'
import { type Unfinished, UnfinishedVideos } from '../../../api/queue/unfinished-videos.js'
import { writeStored } from '../../../infra/files/stored-format.js'
import type { NodeAnnouncement } from '../../../workflows/node.js'
import { MemoryObjectStore } from '../../support/faults/memory-object-store.js'

const log = pino({ level: 'silent' })

const video = (id: string, changes: Partial<Unfinished> = {}): Unfinished => ({
  id,
  phase: 'queued',
  priority: 3,
  createdAt: Number(id.replace(/\D/g, '')),
  work: 100,
  tokens: 10,
  ...changes,
})

const node = (name: string, changes: Partial<NodeAnnouncement> = {}): NodeAnnouncement => ({
  ...{ node: name, at: Date.now(), state: 'idle', engine: 'demo', model: 'InfiniteTalk-demo', ranks: 2 },
  ...{ presets: ['quality'], speeds: [{ tokens: 10, secondsPerForward: 1 }], renders: null },
  ...changes,
})

function listOf(...videos: Unfinished[]): UnfinishedVideos {
  const unfinished = new UnfinishedVideos()
  for (const one of videos) unfinished.put(one)
  return unfinished
}

test('those being processed are ahead of all that wait; then priority decides, then age', () => {
  const videos = listOf(video('v5', { priority: 1 }), video('v1'), video('v9', { phase: 'processing' }), video('v2'))
  assert.equal(videos.ahead(video('v9', { phase: 'processing' })), 0)
  assert.equal(videos.ahead(video('v5', { priority: 1 })), 1)
  assert.equal(videos.ahead(video('v1')), 2)
  assert.equal(videos.ahead(video('v2')), 3)
  assert.equal(videos.ahead(video('v3')), 4) // not listed yet
})

test('positions and work ahead are right for any queue, also of a video that the list knows in an earlier phase', () => {
  const anyVideo = fc.record({
    n: fc.integer({ min: 0, max: 60 }),
    phase: fc.constantFrom('queued' as const, 'processing' as const),
    priority: fc.integer({ min: 1, max: 5 }),
    createdAt: fc.integer({ min: 0, max: 9 }),
    work: fc.integer({ min: 1, max: 99 }),
    tokens: fc.constantFrom(10, 20, 30),
  })
  const key = (v: Unfinished) => [Number(v.phase === 'queued'), v.priority, v.createdAt, v.id] as const
  const isBefore = (a: Unfinished, b: Unfinished) => {
    const [x, y] = [key(a), key(b)]
    const at = x.findIndex((part, i) => part !== y[i])
    return at >= 0 && (x[at] as number) < (y[at] as number)
  }
  fc.assert(
    fc.property(
      fc.array(anyVideo, { maxLength: 40 }),
      anyVideo,
      fc.array(fc.integer({ max: 60 })),
      (list, asked, gone) => {
        const videos = new UnfinishedVideos()
        const model = new Map<string, Unfinished>()
        for (const { n, ...rest } of list) {
          const one = { id: `v${n}`, ...rest }
          videos.put(one)
          model.set(one.id, one)
        }
        for (const n of gone) {
          videos.remove(`v${n}`)
          model.delete(`v${n}`)
        }
        const { n, ...rest } = asked
        const one = { id: `v${n}`, ...rest }
        const others = [...model.values()].filter((other) => other.id !== one.id && isBefore(other, one))
        assert.equal(videos.size, model.size)
        assert.equal(videos.ahead(one), others.length)
        if (one.phase === 'queued') {
          const work = new Map<number, number>()
          for (const { phase, tokens, work: more } of others) {
            if (phase === 'queued') work.set(tokens, (work.get(tokens) ?? 0) + more)
          }
          const ahead = videos.queuedWorkAhead(one).filter((shape) => shape.work !== 0)
          assert.deepEqual(new Map(ahead.map((shape) => [shape.tokens, shape.work])), work)
        }
      },
    ),
  )
})

test('an estimate is the work ahead by the speed of all nodes, and its own by the speed of one', () => {
  const videos = listOf(video('v1', { work: 1200 }), video('v2', { work: 600 }))
  // 1200 / (10 + 10) + 600 / 10 = 120 s
  assert.equal(estimatedMinutes({ video: video('v2', { work: 600 }), percent: 0 }, videos, [node('a'), node('b')]), 2)
  assert.equal(estimatedMinutes({ video: video('v2', { work: 601 }), percent: 0 }, videos, [node('a'), node('b')]), 3)
})

test('each video is estimated at the measured shape nearest to its own', () => {
  const speeds = [
    { tokens: 100, secondsPerForward: 1 },
    { tokens: 1000, secondsPerForward: 100 },
  ]
  const minutes = (tokens: number, ...ahead: Unfinished[]) => {
    const own = video('v9', { work: 6000, tokens })
    return estimatedMinutes({ video: own, percent: 0 }, listOf(...ahead, own), [node('a', { speeds })])
  }
  assert.equal(minutes(100), 1)
  assert.equal(minutes(1000), 10)
  assert.equal(minutes(300), 1) // three times the one, less than a third of the other
  assert.equal(minutes(330), 10)
  const ahead = [video('v1', { work: 12_000, tokens: 90 }), video('v2', { work: 1200, tokens: 2000 })]
  assert.equal(minutes(100, ...ahead), 2 + 2 + 1)
})

test('no number is made up while no node has been measured', () => {
  const nodes = [node('a', { speeds: [] }), node('b', { state: 'draining' })]
  assert.equal(estimatedMinutes({ video: video('v1'), percent: 0 }, listOf(video('v1')), nodes), 0)
  assert.equal(estimatedMinutes({ video: video('v1'), percent: 0 }, listOf(video('v1')), []), 0)
})

test('what is being rendered counts with what is left of it, by its time and its node’s speed', () => {
  const rendering = video('v1', { phase: 'processing', work: 1800, startedAt: 0, node: 'a' })
  const waiting = video('v2', { work: 600 })
  const at = (seconds: number) =>
    estimatedMinutes({ video: waiting, percent: 0 }, listOf(rendering, waiting), [node('a')], seconds * 1000)
  assert.equal(at(0), 4)
  assert.equal(at(60), 3)
  assert.equal(at(9999), 1) // it takes longer than it should: nothing is subtracted twice
})

test('a video being rendered is estimated from its own measured seconds', () => {
  const rendering = video('v1', { phase: 'processing', work: 1200 })
  const progress = {
    doing: 'rendering' as const,
    node: 'a',
    generation: 1,
    chunk: 0,
    chunks: 1,
    step: 25,
    steps: 50,
    secondsLeft: 61,
  }
  const of = (secondsLeft: number | null, percent: number) =>
    estimatedMinutes({ video: rendering, progress: { ...progress, secondsLeft }, percent }, listOf(rendering), [
      node('a'),
    ])
  assert.equal(of(61, 50), 2)
  assert.equal(of(null, 50), 1)
  // Between two renders and while the file is assembled there is no progress, but what was reached counts.
  assert.equal(estimatedMinutes({ video: rendering, percent: 25 }, listOf(rendering), [node('a')]), 2)
})

/** A Temporal whose lists can be set, and which remembers how it was asked. */
class FakeLister implements VideoLister {
  all: Listed[] = []
  changed: Listed[] = []
  closed: Listed[] = []
  asked: (number | 'all' | `closed since ${number}`)[] = []
  isAway = false
  /** Lists are answered only when this has come. */
  answers: Promise<void> = Promise.resolve()

  unfinished(): AsyncIterable<Listed> {
    return this.#answer('all', () => this.all)
  }

  changedSince(time: number): AsyncIterable<Listed> {
    return this.#answer(time, () => this.changed)
  }

  closedSince(time: number): AsyncIterable<Listed> {
    return this.#answer(`closed since ${time}`, () => this.closed)
  }

  async *#answer(asked: FakeLister['asked'][number], listed: () => Listed[]): AsyncIterable<Listed> {
    this.asked.push(asked)
    await this.answers
    if (this.isAway) throw new Error('away')
    yield* listed()
  }
}

/** Until what was begun in the background has been done. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

test('the queue is listed once, then kept up by a small delta a second and by one of ten seconds every five', async () => {
  const lister = new FakeLister()
  const clock = { now: 100_000 }
  lister.all = [{ id: 'v1', unfinished: video('v1') }]
  using view = new QueueView(lister, log, () => clock.now)
  assert.deepEqual(lister.asked, [])
  const [first] = await Promise.all([view.videos(), view.videos(), view.videos()])
  assert.equal(first.size, 1)
  clock.now += 999
  await view.videos()
  assert.deepEqual(lister.asked, ['all'])
  clock.now += 1
  lister.changed = [
    { id: 'v1', unfinished: undefined },
    { id: 'v2', unfinished: video('v2', { phase: 'processing' }) },
  ]
  await Promise.all([view.videos(), view.videos()])
  await settled()
  assert.deepEqual(lister.asked, ['all', 99_000])
  assert.deepEqual(
    (await view.videos()).processing().map(({ id }) => id),
    ['v2'],
  )
  // Written late into Temporal's lists: the next small delta no longer looks so far back.
  for (const now of [102_000, 103_000, 104_000]) {
    clock.now = now
    await view.videos()
    await settled()
  }
  clock.now = 105_000
  lister.closed = [{ id: 'v2', unfinished: undefined }]
  await view.videos()
  await settled()
  assert.deepEqual(lister.asked.slice(2), [100_000, 101_000, 102_000, 90_000, 'closed since 90000'])
  assert.equal((await view.videos()).size, 0)
})

test('nobody waits for a delta but who comes after a silence of two seconds', async () => {
  const lister = new FakeLister()
  const clock = { now: 100_000 }
  using view = new QueueView(lister, log, () => clock.now)
  await view.videos()
  let answer = () => {}
  lister.answers = new Promise((resolve) => {
    answer = resolve
  })
  lister.changed = [{ id: 'v1', unfinished: video('v1') }]
  clock.now += 1_999
  assert.equal((await view.videos()).size, 0) // asked for, not waited for
  assert.deepEqual(lister.asked, ['all', 99_000])
  clock.now += 1
  const late = view.videos()
  answer()
  assert.equal((await late).size, 1)
})

test('own starts and deletes show at once, and no late list undoes a delete', async () => {
  const lister = new FakeLister()
  const clock = { now: 100_000 }
  using view = new QueueView(lister, log, () => clock.now)
  view.started(video('v7'))
  assert.equal((await view.videos()).ahead(video('v8')), 1)
  view.removed('v7')
  clock.now += 2_000
  lister.changed = [{ id: 'v7', unfinished: video('v7') }]
  assert.equal((await view.videos()).size, 0)
})

test('with Temporal’s lists away the queue is shown as last known, and refused if nothing is known', async () => {
  const lister = new FakeLister()
  const clock = { now: 0 }
  using view = new QueueView(lister, log, () => clock.now)
  lister.isAway = true
  await assert.rejects(view.videos(), /away/)
  lister.isAway = false
  lister.all = [{ id: 'v1', unfinished: video('v1') }]
  await view.videos()
  lister.isAway = true
  clock.now += 5_000
  assert.equal((await view.videos()).size, 1)
})

test('a node that was not heard of for a minute is gone; what cannot be read is passed over', async () => {
  await using store = await MemoryObjectStore.start()
  await store.put('nodes/a.json', writeStored(1, node('a')))
  await store.put('nodes/b.json', writeStored(1, node('b', { at: Date.now() - 61_000, model: 'old' })))
  await store.put('nodes/c.json', '{"node": 7')
  await store.put('nodes/d.json', writeStored(2, node('d'))) // of a newer version
  const nodes = new Nodes(store, log)
  assert.deepEqual(
    (await nodes.live()).map((one) => one.node),
    ['a'],
  )
  await store.removeAll('nodes/')
  assert.equal((await nodes.live()).length, 1) // read again after five seconds at the earliest
})
