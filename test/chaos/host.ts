/**
 * The local stack in a process of its own, for `stack.ts`, which kills it as a power loss does: with everything in it.
 * Gets its routes as JSON in CHAOS_ROUTES, by `part-server`; tells over IPC what its parts do, and ends with its parent.
 */
import { once } from 'node:events'
import type { Places } from '../../infra/local/stack/places.js'
import { startStack } from '../../infra/local/stack/stack.js'

export type HostWord =
  | { kind: 'line'; part: string; line: string }
  | { kind: 'up'; stack: Places }
  | { kind: 'pids'; pids: Record<string, number> }

const routes = JSON.parse(process.env.CHAOS_ROUTES ?? '{}') as Record<string, string>
const say = (word: HostWord) => process.send?.(word)
const stopping = new AbortController()
process.once('SIGTERM', () => stopping.abort())
process.once('disconnect', () => stopping.abort())

const stack = await startStack({
  env: process.env,
  show: (part, line) => say({ kind: 'line', part, line }),
  signal: stopping.signal,
  route: (part, server, address) => routes[`${part}-${server}`] ?? address,
})
const { pids, ...places } = stack
say({ kind: 'up', stack: places })
process.on('message', () => say({ kind: 'pids', pids: pids() }))
if (!stopping.signal.aborted) await once(stopping.signal, 'abort')
await stack[Symbol.asyncDispose]()
process.exit() // the channel to the parent would keep it
