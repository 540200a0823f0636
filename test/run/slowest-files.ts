import { relative } from 'node:path'

const shown = 10

type TestEvent = { type: string; data: { name?: string; file?: string; details?: { duration_ms?: number } } }

/** A reporter beside the usual one: after the last test the ten files that took longest, so that a gate that grows shows where. */
export default async function* slowestFiles(events: AsyncIterable<TestEvent>): AsyncIterable<string> {
  const seconds = new Map<string, number>()
  for await (const { type, data } of events) {
    // A file's own end is told like a test of its name.
    if (type !== 'test:complete' || data.file === undefined || data.name !== data.file) continue
    seconds.set(relative(process.cwd(), data.file), (data.details?.duration_ms ?? 0) / 1000)
  }
  const slowest = [...seconds].sort(([, a], [, b]) => b - a).slice(0, shown)
  yield `\nslowest files\n${slowest.map(([file, s]) => `${s.toFixed(1).padStart(7)} s  ${file}`).join('\n')}\n`
}
