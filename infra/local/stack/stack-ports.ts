import { metricsWishes } from './metrics-ports.js'
import { type PortWish, takePorts } from './ports.js'
import type { StackSettings } from './stack-settings.js'

/** The ports of the parts that are started here; `runners` has one for each local node, `metrics` one for each program. */
export type StackPorts = {
  api: number
  temporal: number
  temporalUi: number
  s3: number
  s3Console: number
  runners: number[]
  metrics: Record<string, number>
}

/** Chooses them, and throws `PortsTaken` if any is held by another program. */
export async function takeStackPorts(settings: StackSettings): Promise<StackPorts> {
  const { outside, NODES, RUNNER_PORT, API_HOST: host } = settings
  const wishes: Record<string, PortWish> = {
    api: { part: 'the API', variable: 'API_PORT', port: settings.API_PORT, host, hostVariable: 'API_HOST' },
  }
  if (outside.temporalAddress === undefined) {
    wishes.temporal = { part: 'Temporal', variable: 'TEMPORAL_PORT', port: settings.TEMPORAL_PORT }
    wishes.temporalUi = { part: "Temporal's web UI", variable: 'TEMPORAL_UI_PORT', port: settings.TEMPORAL_UI_PORT }
  }
  if (outside.s3 === undefined) {
    wishes.s3 = { part: 'MinIO', variable: 'S3_PORT', port: settings.S3_PORT }
    wishes.s3Console = { part: "MinIO's console", variable: 'S3_CONSOLE_PORT', port: settings.S3_CONSOLE_PORT }
  }
  const runners = outside.runnerAddress === undefined ? Array.from({ length: NODES }, (_, index) => index) : []
  for (const index of runners) {
    const port = RUNNER_PORT === 0 ? 0 : RUNNER_PORT + index
    wishes[`runner-${index}`] = { part: `runner ${index + 1}`, variable: 'RUNNER_PORT', port }
  }
  const metrics = metricsWishes(settings)
  for (const [name, wish] of Object.entries(metrics)) wishes[`metrics-${name}`] = wish
  const ports = await takePorts(wishes)
  const { api = 0, temporal = 0, temporalUi = 0, s3 = 0, s3Console = 0 } = ports
  return {
    ...{ api, temporal, temporalUi, s3, s3Console },
    runners: runners.map((index) => ports[`runner-${index}`] ?? 0),
    metrics: Object.fromEntries(Object.keys(metrics).map((name) => [name, ports[`metrics-${name}`] ?? 0])),
  }
}
