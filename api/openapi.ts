import { z } from 'zod'
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from 'zod-openapi'
import { fileLimits, formatsOf } from './file-kinds.js'
import { parametersSchema } from './parameters.js'
import { problems, type ProblemWord } from './problems.js'
import { videoSchema } from './video-schema.js'

const words = Object.keys(problems) as [ProblemWord, ...ProblemWord[]]

/** The body of every error. */
export const errorSchema = z
  .strictObject({
    error: z.strictObject({
      message: z.string(),
      type: z.enum(words),
      param: z.string().nullable().describe('The parameter that it is about.'),
      code: z
        .string()
        .regex(/^[45]\d\d$/)
        .describe('The HTTP status.'),
    }),
  })
  .meta({ id: 'Error' })

const partState = z.union([
  z.strictObject({ ok: z.literal(true) }),
  z.strictObject({ ok: z.literal(false), why: z.string() }),
])
export const readinessSchema = z
  .strictObject({
    status: z.enum(['ready', 'not ready', 'draining']),
    parts: z.strictObject({ temporal: partState, s3: partState, worker: partState }),
  })
  .meta({ id: 'Readiness' })

/** A file in a form; its bytes decide what it is, whatever its name and type header say. */
const file = (description: string) =>
  z.string().meta({ override: { type: 'string', contentMediaType: 'application/octet-stream' }, description })

const orderSchema = z
  .object({
    input_reference: file(
      `The reference: ${formatsOf.reference} (${fileLimits.picture / 1e6} or ${fileLimits.video / 1e6} MB).`,
    ),
    audio: file(
      `A voice: ${formatsOf.voice} (${fileLimits.voice / 1e6} MB). Sent twice for two voices; \`audio[]\` means the same.`,
    ),
    ...parametersSchema.shape,
  })
  .meta({ id: 'VideoOrder' })

const json = (schema: z.ZodType) => ({ 'application/json': { schema } })
const video = { description: 'The video.', content: json(videoSchema) }
const note = {
  'x-video-note': {
    description:
      'What was done with the order that its owner may not expect: a shorter voice of two (`para`) is padded.',
    schema: { type: 'string' },
  },
} as const
const videoId = z.string().describe('The id from the answer of the order.')
const binary = z.string().meta({ override: { type: 'string', contentMediaType: 'video/mp4' } })

/** The answers for these problems, by status. */
function refusals(...listed: ProblemWord[]): ZodOpenApiOperationObject['responses'] {
  const meanings = new Map<number, string[]>()
  for (const word of listed) {
    const { status, meaning } = problems[word]
    meanings.set(status, [...(meanings.get(status) ?? []), `\`${word}\`: ${meaning}`])
  }
  return Object.fromEntries(
    [...meanings].map(([status, same]) => [
      String(status),
      { description: same.join('; '), content: json(errorSchema) },
    ]),
  )
}

const anywhere = [
  ...(['malformed_request', 'host_not_allowed', 'internal', 'unavailable'] as const),
  ...(['headers_too_large', 'method_not_allowed'] as const),
] as const
/** Of what changes something. */
const changing = [...anywhere, 'cross_site_request'] as const

const paths: ZodOpenApiPathsObject = {
  '/v1/videos': {
    post: {
      operationId: 'createVideo',
      summary: 'Order a video',
      description:
        'Parts may come in any order; unknown ones are refused. Nothing is started before everything is stored and valid. ' +
        'With an Idempotency-Key the same request may be sent again for a day: it gets the same video.',
      requestParams: {
        header: z.object({
          'Idempotency-Key': z
            .string()
            .regex(/^[ -~]{1,255}$/)
            .optional()
            .describe('A text of your own for this order. The same key with another request is a 422.'),
        }),
      },
      requestBody: { required: true, content: { 'multipart/form-data': { schema: orderSchema } } },
      responses: {
        '200': {
          ...video,
          headers: {
            'x-video-seed': { description: 'The seed that is used.', schema: { type: 'integer' } },
            'idempotency-replayed': {
              description: '`true`: this is the video of an earlier request, which this one repeats.',
              schema: { type: 'string', enum: ['true'] },
            },
            ...note,
          },
        },
        ...refusals(
          ...changing,
          ...([
            'missing_parameter',
            'invalid_parameter',
            'unknown_parameter',
            'invalid_file',
            'too_slow',
            'too_large',
          ] as const),
          ...(['wrong_content_type', 'expectation_failed', 'idempotency_conflict', 'busy', 'draining'] as const),
        ),
      },
    },
  },
  '/v1/videos/{video_id}': {
    get: {
      operationId: 'getVideo',
      summary: 'State and progress of a video',
      requestParams: { path: z.object({ video_id: videoId }) },
      responses: { '200': { ...video, headers: note }, ...refusals(...anywhere, 'not_found') },
    },
    delete: {
      operationId: 'deleteVideo',
      summary: 'Delete a video and all of its files',
      requestParams: { path: z.object({ video_id: videoId }) },
      responses: { '200': video, ...refusals(...changing, 'not_found', 'video_is_processing') },
    },
  },
  '/v1/videos/{video_id}/cancel': {
    post: {
      operationId: 'cancelVideo',
      summary: 'Stop a video that waits or is being processed',
      description:
        'The video stays, with status `error`, `error` and `error_code` `cancelled`, until it is deleted or expires. Cancelling it again is answered alike.',
      requestParams: { path: z.object({ video_id: videoId }) },
      responses: { '200': video, ...refusals(...changing, 'not_found', 'video_is_over') },
    },
  },
  '/v1/videos/{video_id}/content': {
    get: {
      operationId: 'downloadVideo',
      summary: 'The finished file',
      description: 'Takes Range, If-Range and If-None-Match; the ETag is the SHA-256 of the file.',
      requestParams: { path: z.object({ video_id: videoId }) },
      responses: {
        '200': { description: 'The file.', content: { 'video/mp4': { schema: binary } } },
        '206': { description: 'A part of the file.', content: { 'video/mp4': { schema: binary } } },
        '304': { description: 'The file that the client has.' },
        ...refusals(
          ...anywhere,
          'invalid_parameter',
          'not_found',
          'video_not_ready',
          'video_failed',
          'range_not_satisfiable',
          'draining',
        ),
      },
    },
  },
  '/healthz': {
    get: {
      operationId: 'alive',
      summary: 'This process is alive',
      responses: { '200': { description: 'Alive.', content: json(z.strictObject({ status: z.literal('ok') })) } },
    },
  },
  '/readyz': {
    get: {
      operationId: 'ready',
      summary: 'Temporal, S3 and a worker can be reached',
      responses: {
        '200': { description: 'All of them.', content: json(readinessSchema) },
        '503': { description: 'Which of them cannot, and why.', content: json(readinessSchema) },
      },
    },
  },
}

/** The OpenAPI 3.1 document, from the schemas that check the requests. */
export function openApiDocument() {
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Text2Video',
      version: '1',
      description: 'A reference picture or video, one or two voices and a prompt become a talking video.',
    },
    paths,
  })
}
