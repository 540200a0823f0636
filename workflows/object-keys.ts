/** Where every object lies. Names come from us: an id that we made, an extension from a closed list; never from a client. */
export const objectKeys = {
  video: (id: string) => `videos/${id}/`,
  order: (id: string) => `videos/${id}/order.json`,
  reference: (id: string, extension: string) => `videos/${id}/input/reference.${extension}`,
  voice: (id: string, index: number, extension: string) => `videos/${id}/input/audio-${index + 1}.${extension}`,
  /** What the ranks read: the reference, upright and opaque, a video at a constant rate; voices as 16 kHz mono WAV. */
  prepared: (id: string) => `videos/${id}/prepared/`,
  preparedReference: (id: string, extension: string) => `videos/${id}/prepared/reference.${extension}`,
  preparedVoice: (id: string, index: number) => `videos/${id}/prepared/voice-${index + 1}.wav`,
  /** A chunk's objects carry the generation that made them: only its own render writes them, and no late one can mix in. */
  chunkSegment: (id: string, chunk: number, generation: number) => `${chunkName(id, chunk, generation)}.mp4`,
  chunkState: (id: string, chunk: number, generation: number) => `${chunkName(id, chunk, generation)}.state`,
  /** Written last: a chunk with a mark is in S3 whole. */
  chunkMark: (id: string, chunk: number, generation: number) => `${chunkName(id, chunk, generation)}.json`,
  /** Which generation made each of the chunks that this one goes on from; none for one that began at the first chunk. */
  lineage: (id: string, generation: number) => `videos/${id}/chunks/lineage.g${generation}.json`,
  chunks: (id: string) => `videos/${id}/chunks/`,
  output: (id: string) => `videos/${id}/output.mp4`,
  node: (node: string) => `nodes/${node}.json`,
  /** There while an operator takes the node out of service. */
  drain: (node: string) => `nodes/${node}.drain`,
  nodes: 'nodes/',
  /** Which video a request that may be repeated has become. */
  claim: (name: string) => `claims/${name}.json`,
  claims: 'claims/',
} as const

const chunkName = (id: string, chunk: number, generation: number): string =>
  `videos/${id}/chunks/${String(chunk).padStart(4, '0')}.g${generation}`
