/** When parts stop: the API first, what they all stand on last. Within a stage all stop at once. */
export const stages = ['stores', 'runners', 'workers', 'api'] as const
export type Stage = (typeof stages)[number]

/**
 * How a part tells that it is at work: by a log line with `event: 'ready'`, or by answering a probe. A line with
 * `event: 'refused'` tells that it never will be before a person changes something.
 */
export type Readiness = { kind: 'event' } | { kind: 'probe'; probe: (signal: AbortSignal) => Promise<void> }

/** One process of the local stack, as it is started, and started again when it dies. */
export type StackPart = {
  /** Unique; names its log file as well. */
  name: string
  stage: Stage
  command: string
  args: string[]
  env: NodeJS.ProcessEnv
  readiness: Readiness
  /** How long it may take to become ready, and how long to leave after SIGTERM before it is killed. */
  readyMs: number
  graceMs: number
}
