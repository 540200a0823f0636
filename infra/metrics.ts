import { collectDefaultMetrics, Registry } from 'prom-client'

/**
 * The metrics of one program, labelled with its name, with those of its process already there.
 * Each folder defines its own: `new Counter({ name, help, registers: [registry] })`.
 */
export function createMetrics(program: string): Registry {
  const registry = new Registry()
  registry.setDefaultLabels({ program })
  collectDefaultMetrics({ register: registry })
  return registry
}
