import type { Description, RunnerClient } from '../../gaudi-runner/client/runner-client.js'
import type { Log } from '../../infra/program/log.js'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import { writeStored } from '../../infra/files/stored-format.js'
import { announceEveryMs, type NodeAnnouncement, nodeFormat } from '../../workflows/node.js'
import { objectKeys } from '../../workflows/object-keys.js'
import { abortableSleep } from '../worker/abortable-sleep.js'

export type AnnouncedNode = {
  node: string
  runner: Pick<RunnerClient, 'describe'>
  store: Pick<ObjectStore, 'put' | 'removeAll'>
  /** True once the worker takes no more videos. */
  isDraining: () => boolean
  log: Log
}

/** Tells everybody about this node, now and every 10 s; nothing while its runner does not answer. Dispose to take it back. */
export function announceNode(announced: AnnouncedNode): AsyncDisposable {
  const stop = new AbortController()
  const loop = announceUntil(announced, stop.signal)
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await loop
      await announced.store.removeAll(objectKeys.node(announced.node)).catch((err: unknown) => {
        announced.log.warn({ event: 'not-taken-back', err }, 'the announcement of this node stays until it is old')
      })
    },
  }
}

const lookEveryMs = 2_000

async function announceUntil(
  { node, runner, store, isDraining, log }: AnnouncedNode,
  signal: AbortSignal,
): Promise<void> {
  let announced = { at: Number.NEGATIVE_INFINITY, draining: false }
  for (; !signal.aborted; await abortableSleep(lookEveryMs, signal).catch(() => {})) {
    const draining = isDraining()
    // Who drains a node watches it leave.
    const isDue = draining || draining !== announced.draining || performance.now() - announced.at >= announceEveryMs
    if (!isDue) continue
    announced = { at: performance.now(), draining }
    try {
      const announcement = announcementOf(node, await runner.describe({ signal }), draining)
      const body = writeStored(nodeFormat, announcement)
      await store.put(objectKeys.node(node), body, { contentType: 'application/json' })
    } catch (err) {
      if (!signal.aborted) log.warn({ event: 'not-announced', err }, 'this node could not be announced')
    }
  }
}

const states = { STARTING: 'starting', IDLE: 'idle', BUSY: 'busy', DRAINING: 'draining' } as const

/** What a runner says of itself, as the fleet reads it. */
export function announcementOf(node: string, description: Description, draining: boolean): NodeAnnouncement {
  const { state, engine, model, ranks, job, presets, speeds } = description
  return {
    node,
    at: Date.now(),
    state: draining ? (job ? 'draining' : 'drained') : states[state],
    engine,
    model,
    ranks,
    presets,
    speeds: speeds.map(({ tokensPerForward: tokens, secondsPerForward }) => ({ tokens, secondsPerForward })),
    renders: job?.jobId ?? null,
  }
}
