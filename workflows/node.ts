/** What a node worker writes to `nodes/<node>.json` every 10 s; older than `nodeGoneMs` means the node is gone. */
export type NodeAnnouncement = {
  node: string
  /** When it was written, in milliseconds. */
  at: number
  state: 'starting' | 'idle' | 'busy' | 'draining'
  engine: string
  /** The model's name as answers show it, e.g. `InfiniteTalk-demo`. */
  model: string
  ranks: number
  /** Measured forward-tokens per second of this node; null until measured. */
  workPerSecond: number | null
  /** The video that it renders now. */
  renders: string | null
}

export const announceEveryMs = 10_000
export const nodeGoneMs = 60_000
