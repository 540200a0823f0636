import { Counter, Histogram, type Registry } from 'prom-client'

export type RenderMetrics = ReturnType<typeof createRenderMetrics>

/** What a node's worker counts. Steps, and what is lost of them, are counted by its runner, which does them. */
export function createRenderMetrics(registry: Registry) {
  const registers = [registry]
  return {
    /** Of renders that succeeded, from the activity's start. */
    renderSeconds: new Histogram({
      name: 'text2video_render_seconds',
      help: 'Seconds of renders that succeeded.',
      buckets: [1, 2.5, 5, 10, 30, 60, 180, 600, 1800, 3600, 14_400],
      registers,
    }),
    reattaches: new Counter({
      name: 'text2video_reattaches_total',
      help: 'Renders taken up again on this node without being sent anew.',
      registers,
    }),
    orphans: new Counter({
      name: 'text2video_orphans_total',
      help: 'Jobs of the runner that were ended because their video no longer wanted them from this node.',
      registers,
    }),
  }
}
