import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { ownVersion } from './version.js'

/**
 * The metrics of one program, labelled with its name, with those of its process and its version already there.
 * Each folder defines its own: `new Counter({ name, help, registers: [registry] })`; docs/metrics.md lists them all (tested).
 */
export function createMetrics(program: string): Registry {
  const registry = new Registry()
  registry.setDefaultLabels({ program })
  collectDefaultMetrics({ register: registry })
  new Gauge({
    name: 'text2video_build_info',
    help: 'Always 1; its label is the version that runs.',
    labelNames: ['version'],
    registers: [registry],
  }).set({ version: ownVersion() }, 1)
  return registry
}
