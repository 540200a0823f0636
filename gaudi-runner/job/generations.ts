import { mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Logger } from 'pino'
import { z } from 'zod'
import { NewerFormat, readStored, writeStored } from '../../infra/files/stored-format.js'
import { replaceFile } from '../../infra/files/replace-file.js'

/** The number of the file's shape. */
const format = 1
const fence = z.object({ newest: z.array(z.tuple([z.string(), z.int().positive()])) })

/** Jobs whose newest generation is remembered: far more than are ever tried at the same time. */
const remembered = 1000

/**
 * The fence: the newest generation seen of each job. Whoever comes with an older one has been given up by its workflow.
 * Kept in a file of its own, since it outlives both jobs and runners.
 */
export class Generations {
  readonly #path: string
  #newest = new Map<string, number>()

  constructor(path: string) {
    this.#path = path
  }

  /** Reads what earlier runners saw. Throws if a newer one wrote it: this one could not hold its fence. */
  load(log: Logger): void {
    this.#newest = new Map(read(this.#path, log))
  }

  newest(jobId: string): number {
    return this.#newest.get(jobId) ?? 0
  }

  /** Returns when it is on disk; throws what the disk says, and has seen nothing then. */
  saw(jobId: string, generation: number): void {
    const newest = new Map(this.#newest)
    newest.delete(jobId) // to the end: a Map keeps the order of insertion
    newest.set(jobId, Math.max(generation, this.newest(jobId)))
    const kept = [...newest].slice(-remembered)
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 })
    replaceFile(this.#path, writeStored(format, { newest: kept }))
    this.#newest = new Map(kept)
  }
}

function read(path: string, log: Logger): [string, number][] {
  try {
    return fence.parse(readStored(path, readFileSync(path), format)).newest
  } catch (error) {
    if (error instanceof NewerFormat) throw error
    const isNew = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    // It is replaced as a whole, so somebody or something else has damaged it. To stand still would help nobody.
    if (!isNew) log.error({ event: 'fence-lost', path, err: error }, 'older generations of jobs are not known any more')
    return []
  }
}
