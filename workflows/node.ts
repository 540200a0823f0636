/** What a node worker writes to `nodes/<node>.json` every 10 s; older than `nodeGoneMs` means the node is gone. */
export type NodeAnnouncement = {
  node: string
  /** When it was written, in milliseconds. */
  at: number
  state: 'starting' | 'idle' | 'busy' | 'draining' | 'drained'
  engine: string
  /** The model's name as answers show it, e.g. `InfiniteTalk-demo`. */
  model: string
  ranks: number
  /** Presets that it has the weights for; none while its ranks are not ready. */
  presets: string[]
  /** Newest first, one per token count; none until measured. */
  speeds: Speed[]
  /** The video that it renders now. */
  renders: string | null
}

/** The number of an announcement's shape as it is stored. */
export const nodeFormat = 1

/** What the engines call their models (`pipeline/engine.py`; tested): a video's model until its node has named it. */
export const engineModels = { demo: 'InfiniteTalk-demo', infinitetalk: 'InfiniteTalk' } as const

/** Seconds that one forward pass of so many tokens took on this node. */
export type Speed = { tokens: number; secondsPerForward: number }

/** What `npm run drain` asks of a node, in `nodes/<node>.drain`: to leave after its current video, or after its current chunk. */
export const drainModes = ['video', 'chunk'] as const
export type DrainMode = (typeof drainModes)[number]
export type DrainRequest = { mode: DrainMode; at: number }

export const announceEveryMs = 10_000
export const nodeGoneMs = 60_000

/** Whether a node in this state will take another video, now or when the one at hand is done. */
export function takesVideos({ state }: NodeAnnouncement): boolean {
  switch (state) {
    case 'starting':
    case 'idle':
    case 'busy':
      return true
    case 'draining':
    case 'drained':
      return false
  }
}
