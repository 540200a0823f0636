import { type ChunkPlan, chunkPlan, orderFrames } from '../chunk-plan.js'
import { analysisRate, type Order, type StoredFile } from '../order.js'
import type { Attempts, EndedAttempt, VideoMemo } from '../video.js'
import { counted } from '../plural.js'
import { guidancePasses } from '../work.js'

/** A video at a glance for the Temporal web UI, in Markdown. Live progress is in the heartbeat of the pending `render`. */
export function currentDetails(order: Order, memo: VideoMemo, doing: string): string {
  const plan = chunkPlan(orderFrames(order))
  const { prompt, fps, steps, seed, preset, audio_type, logo_video } = order.parameters
  return [
    `### ${memo.phase}: ${doing}`,
    ...(memo.error ? [`**${memo.error.code}**: ${inOneCell(memo.error.detail, 1000)}`, ''] : []),
    row('', ''),
    row('---', '---'),
    ...(memo.node ? [row('node', `${memo.node}, generation ${memo.generation ?? 1}`)] : []),
    ...(memo.model ? [row('model', memo.model)] : []),
    ...(memo.phase === 'processing' && memo.node
      ? [row('chunk and step', 'live under Pending Activities, `render` or `attach`')]
      : []),
    ...(memo.progressFloor ? [row('reached', `${memo.progressFloor} %`)] : []),
    row(
      'result',
      `${memo.width} × ${memo.height}, ${memo.seconds.toFixed(1)} s at ${fps} fps, closing clip: ${logo_video ? 'yes' : 'no'}`,
    ),
    row(
      'work',
      `${chunksOf(plan)} frames, ${counted(steps, 'step')}, ${counted(guidancePasses(order.parameters), 'pass', 'passes')} a step, seed ${seed}, preset ${preset}`,
    ),
    row(`reference ${order.reference.kind}`, stored(order.reference)),
    ...order.voices.map((voice, i) =>
      row(`voice ${i + 1}`, `${(voice.samples / analysisRate).toFixed(1)} s, ${stored(voice)}`),
    ),
    ...(order.voices.length > 1 ? [row('voices', audio_type === 'add' ? 'one after the other' : 'both at once')] : []),
    ...(memo.note ? [row('note', memo.note)] : []),
    row('prompt', prompt === '' ? 'none' : inOneCell(prompt)),
    ...(memo.file
      ? [
          row(
            'file',
            `${counted(memo.file.frames, 'frame')}, ${megabytes(memo.file.bytes)}, \`GET /v1/videos/${order.videoId}/content\``,
          ),
        ]
      : []),
    ...(memo.expiresAt ? [row('kept until', new Date(memo.expiresAt).toISOString())] : []),
    row('API', `\`GET /v1/videos/${order.videoId}\``),
    ...attemptRows(memo.attempts),
  ].join('\n')
}

/** "4 × 81", or "3 × 81 + 41" where the last chunk is shorter. */
const chunksOf = ({ chunks, framesPerChunk, lastFrames }: ChunkPlan): string =>
  lastFrames === framesPerChunk ? `${chunks} × ${framesPerChunk}` : `${chunks - 1} × ${framesPerChunk} + ${lastFrames}`

/** What ended early, newest last, and why. */
function attemptRows(attempts: Attempts | undefined): string[] {
  if (!attempts) return []
  const { count, newest } = attempts
  const line = ({ at, generation, node, chunk, step, code, detail }: EndedAttempt) =>
    [
      new Date(at).toISOString().slice(0, 19),
      `${generation}${node === undefined ? '' : ` on ${node}`}`,
      chunk === undefined ? '' : `chunk ${chunk}, step ${step ?? 0}`,
      `**${code}**: ${inOneCell(detail)}`,
    ].join(' | ')
  return [
    ...[
      '',
      `### What has interrupted it (${count > newest.length ? `the last ${newest.length} of ${count}` : count})`,
      '',
    ],
    '| when | generation | reached | why |',
    '| --- | --- | --- | --- |',
    ...newest.map((attempt) => `| ${line(attempt)} |`),
  ]
}

const row = (name: string, value: string): string => `| ${name} | ${value} |`
const stored = (file: StoredFile): string => `\`${file.key}\`, ${megabytes(file.bytes)}`
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`

/** A prompt is the caller's text, a detail an exception's: neither must end the table's cell or row, or fill the page. */
function inOneCell(text: string, limit = 300): string {
  const short = text.length > limit ? `${text.slice(0, limit)}…` : text
  return short.replace(/[|`<>[\]*_\\]/g, (sign) => `\\${sign}`).replace(/\s+/g, ' ')
}
