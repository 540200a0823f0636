import { readFileSync } from 'node:fs'
import type { Stack } from '../../infra/local/stack/stack.js'
import { connectTemporal } from '../../infra/temporal/temporal.js'
import { completed, submit, toneWav } from './client.js'
import { bareDispatch } from './bare.js'
import { type VideoTimes, videoTimes } from './history.js'
import { percentile, type Row } from './report.js'

const rounds = 20

/** How fast an idle node takes an accepted video, how long it idles between two, and how soon a finished one is seen. */
export async function benchDispatch(stack: Stack): Promise<Row[]> {
  const { apiUrl } = stack
  const settings = { TEMPORAL_ADDRESS: stack.temporalAddress, TEMPORAL_NAMESPACE: stack.namespace }
  await using temporal = await connectTemporal(settings)
  const bare = await bareDispatch(settings, temporal.client, rounds)

  const picture = { name: 'p.png', bytes: new Uint8Array(readFileSync('examples/single/ref_image.png')) }
  const voice = toneWav(1)
  const send = () => submit(apiUrl, picture, voice, { steps: '2' })
  await completed(apiUrl, await send())

  const toRender: number[] = []
  const toVisible: number[] = []
  for (let round = 0; round < rounds; round++) {
    const id = await send()
    const seen = await completed(apiUrl, id)
    const { accepted, render, assemble } = whole(await videoTimes(temporal.client, id))
    toRender.push(render.started - accepted)
    toVisible.push(seen - render.completed - (assemble.completed - assemble.started))
  }

  const queued: string[] = []
  // Faster than they are rendered, and within the uploads that the API takes at once.
  while (queued.length < rounds) queued.push(...(await Promise.all(Array.from({ length: 5 }, send))))
  await Promise.all(queued.map((id) => completed(apiUrl, id, 200)))
  const renders = (await Promise.all(queued.map((id) => videoTimes(temporal.client, id))))
    .map((times) => whole(times).render)
    .sort((a, b) => a.started - b.started)
  const gaps = renders.slice(1).map((render, n) => render.started - (renders[n]?.completed ?? 0))

  const row = (what: string, values: number[], share: number, wanted?: string, baseline?: Row['baseline']): Row => {
    const value = percentile(values, share)
    return {
      what,
      value,
      unit: 'ms',
      ...(baseline && { baseline, ratio: value / baseline.value }),
      ...(wanted && { wanted }),
    }
  }
  const base = (values: number[], share: number) => ({ what: 'bare activity', value: percentile(values, share) })
  return [
    row('accepted → render runs, p50', toRender, 0.5, '≤ 50 ms', base(bare.toRun, 0.5)),
    row('the same, p95', toRender, 0.95, undefined, base(bare.toRun, 0.95)),
    row('a node idle between two queued videos, p50', gaps, 0.5, '≤ 100 ms', base(bare.gaps, 0.5)),
    row('the same, p95', gaps, 0.95, undefined, base(bare.gaps, 0.95)),
    row('last chunk stored → completed seen by GET, assembly left out, p50', toVisible, 0.5, '≤ 300 ms'),
  ]
}

function whole({ accepted, render, assemble }: VideoTimes) {
  if (!render || !assemble) throw new Error('a video without a whole history')
  return { accepted, render, assemble }
}
