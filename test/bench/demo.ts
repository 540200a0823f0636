import { readFileSync } from 'node:fs'
import type { Stack } from '../../infra/local/stack/stack.js'
import { connectTemporal } from '../../infra/temporal/temporal.js'
import { completed, submit } from './client.js'
import { videoTimes } from './history.js'
import { percentile, type Row } from './report.js'

/** Where the time of the demo's own video goes, from POST to the finished file. */
export async function benchDemo(stack: Stack): Promise<Row[]> {
  await using temporal = await connectTemporal({
    TEMPORAL_ADDRESS: stack.temporalAddress,
    TEMPORAL_NAMESPACE: stack.namespace,
  })
  const read = (name: string) => ({ name, bytes: new Uint8Array(readFileSync(`examples/single/${name}`)) })
  const seconds: Record<string, number[]> = {}
  const note = (what: string, ms: number) => {
    seconds[what] ??= []
    seconds[what].push(ms / 1000)
  }
  for (let round = 0; round < 3; round++) {
    const begun = Date.now()
    const id = await submit(stack.apiUrl, read('ref_image.png'), read('1.wav'))
    const accepted = Date.now()
    const seen = await completed(stack.apiUrl, id)
    const { render, assemble } = await videoTimes(temporal.client, id)
    if (!render || !assemble) throw new Error('a video without a whole history')
    note('POST → accepted', accepted - begun)
    note('render', render.completed - render.started)
    note('assemble', assemble.completed - assemble.started)
    note('POST → completed', seen - begun)
  }
  const total = percentile(seconds['POST → completed'] ?? [], 0.5)
  return Object.entries(seconds).map(([what, values]) => {
    const value = percentile(values, 0.5)
    return { what, value, unit: 's', baseline: { what: 'the whole', value: total }, ratio: value / total }
  })
}
