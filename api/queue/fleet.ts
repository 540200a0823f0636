import { type NodeAnnouncement, type Speed, takesVideos } from '../../workflows/node.js'

/** How fast the live nodes are, in forward-tokens per second, for videos of a given shape (`tokens` of one forward pass). */
export class Fleet {
  readonly #measured: NodeAnnouncement[]

  constructor(nodes: readonly NodeAnnouncement[]) {
    this.#measured = nodes.filter((node) => node.speeds.length > 0)
  }

  /** Whether any node that takes new videos has been measured: without one there is no number to give. */
  get isMeasured(): boolean {
    return this.#taking().length > 0
  }

  /** All nodes that take new videos, together. */
  together(tokens: number): number {
    return this.#taking().reduce((sum, { speeds }) => sum + workPerSecond(speeds, tokens), 0)
  }

  /** The usual one of them. */
  one(tokens: number): number {
    return this.together(tokens) / this.#taking().length
  }

  /** This node where it has been measured, else the usual one. */
  of(name: string | undefined, tokens: number): number {
    const node = this.#measured.find((known) => known.node === name)
    return node === undefined ? this.one(tokens) : workPerSecond(node.speeds, tokens)
  }

  #taking(): NodeAnnouncement[] {
    return this.#measured.filter(takesVideos)
  }
}

/**
 * Measured at the token count nearest to this one, in proportion: attention makes long passes slower per token, and the fixed
 * cost of a pass makes short ones so.
 */
function workPerSecond(speeds: readonly Speed[], tokens: number): number {
  const distance = (speed: Speed) => Math.abs(Math.log(speed.tokens / tokens))
  const { tokens: measured, secondsPerForward } = speeds.reduce((best, speed) =>
    distance(speed) < distance(best) ? speed : best,
  )
  return measured / secondsPerForward
}
