import type { PortWish } from './ports.js'

/** `runner` where there is one node, `runner-2` and so on where there are more. */
export function partOfNode(part: 'runner' | 'node', index: number, nodes: number): string {
  return nodes === 1 ? part : `${part}-${index + 1}`
}

/** The programs by the order of their metrics ports: `METRICS_PORT` is the API's, and each has the next. */
export function metricsParts(nodes: number): string[] {
  const ofNodes = Array.from({ length: nodes }, (_, index) => [
    partOfNode('runner', index, nodes),
    partOfNode('node', index, nodes),
  ])
  return ['api', 'videos', 'media', ...ofNodes.flat()]
}

type Chosen = { METRICS_PORT: number; NODES: number; outside: { runnerAddress?: string } }

/** By part; a taken one gives way to a free one, since no program stays away for its metrics. */
export function metricsWishes({ METRICS_PORT, NODES, outside }: Chosen): Record<string, PortWish> {
  const isElsewhere = outside.runnerAddress !== undefined
  const wishes = metricsParts(isElsewhere ? 1 : NODES).map((name, index): [string, PortWish] => {
    const port = METRICS_PORT === 0 ? 0 : METRICS_PORT + index
    return [name, { part: `the metrics of ${name}`, variable: 'METRICS_PORT', port, givesWay: true }]
  })
  return Object.fromEntries(wishes.filter(([name]) => !(isElsewhere && name === 'runner')))
}

/** A line for each port that was taken. */
export function movedMetrics(settings: Chosen, { metrics }: { metrics: Record<string, number> }): string[] {
  return Object.entries(metricsWishes(settings))
    .filter(([name, { port }]) => port !== 0 && metrics[name] !== port)
    .map(([name, { part, port }]) => `port ${port} for ${part} is in use by another program: ${metrics[name]} it is`)
}
