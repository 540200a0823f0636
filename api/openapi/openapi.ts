import { z } from 'zod'
import {
  createDocument,
  type oas31,
  type ZodOpenApiOperationObject,
  type ZodOpenApiOverrideContext,
  type ZodOpenApiPathsObject,
} from 'zod-openapi'
import { problemExample, videoExamples } from './openapi-examples.js'
import { orderSchema } from './order-schema.js'
import { healthSchema, readinessSchema } from './service-schemas.js'
import { problems, type ProblemType } from '../http/problems.js'
import { videoSchema } from '../videos/video-schema.js'

const types = Object.keys(problems) as [ProblemType, ...ProblemType[]]

/** The body of every error. */
export const errorSchema = z
  .strictObject({
    error: z.strictObject({
      message: z.string(),
      type: z.enum(types).meta({ override: openTypes }),
      param: z.string().nullable().describe('The parameter that it is about.'),
      code: z
        .string()
        .regex(/^[45]\d\d$/)
        .describe('The HTTP status.'),
    }),
  })
  .meta({ id: 'Error' })

/** Types are added with time: a client that knows only today's must not refuse an answer for a new one. */
function openTypes({ jsonSchema }: { jsonSchema: oas31.SchemaObject }): void {
  delete jsonSchema.enum
  jsonSchema.description = `What is wrong, in a word. New ones may come; so far: ${types.map((type) => `\`${type}\``).join(', ')}.`
  Object.assign(jsonSchema, { 'x-extensible-enum': types })
}

const json = (schema: z.ZodType) => ({ 'application/json': { schema } })
const video = (example: keyof typeof videoExamples) => ({
  description: 'The video.',
  content: { 'application/json': { schema: videoSchema, example: videoExamples[example] } },
})
const note = {
  'x-video-note': {
    description:
      'What was done with the order that its owner may not expect: a shorter voice of two (`para`) is padded.',
    schema: { type: 'string' },
  },
} as const
const videoId = z.string().describe('The id from the answer of the order.')
const mp4 = { 'video/mp4': { schema: { type: 'string', format: 'binary', contentMediaType: 'video/mp4' } } } as const

/** The answers for these problems, by status. */
function refusals(...listed: ProblemType[]): ZodOpenApiOperationObject['responses'] {
  const statuses = new Set(listed.map((type) => problems[type].status))
  return Object.fromEntries(
    [...statuses].map((status) => {
      const same = listed.filter((type) => problems[type].status === status)
      const description = same.map((type) => `\`${type}\`: ${problems[type].meaning}`).join('; ')
      const examples = Object.fromEntries(same.map((type) => [type, { value: problemExample(type) }]))
      return [String(status), { description, content: { 'application/json': { schema: errorSchema, examples } } }]
    }),
  )
}

/** What can be done next with the video of an answer, for clients that follow links. */
const links = Object.fromEntries(
  ['getVideo', 'downloadVideo', 'cancelVideo', 'deleteVideo'].map((operationId) => [
    operationId,
    { operationId, parameters: { video_id: '$response.body#/id' } },
  ]),
)

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
      tags: ['videos'],
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
      requestBody: {
        required: true,
        content: { 'multipart/form-data': { schema: { $ref: '#/components/schemas/VideoOrder' } } },
      },
      responses: {
        '200': {
          ...video('queued'),
          links,
          headers: {
            'x-video-seed': { description: 'The seed that is used.', schema: { type: 'integer', format: 'int64' } },
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
      tags: ['videos'],
      summary: 'State and progress of a video',
      description:
        'Every few seconds is often enough. A video that failed or was cancelled is a 200 too, with status `error`.',
      requestParams: { path: z.object({ video_id: videoId }) },
      responses: { '200': { ...video('processing'), headers: note }, ...refusals(...anywhere, 'not_found') },
    },
    delete: {
      operationId: 'deleteVideo',
      tags: ['videos'],
      summary: 'Delete a video and all of its files',
      description: 'Refused while it is being processed: cancel it first. Afterwards it is a 404.',
      requestParams: { path: z.object({ video_id: videoId }) },
      responses: { '200': video('deleted'), ...refusals(...changing, 'not_found', 'video_is_processing') },
    },
  },
  '/v1/videos/{video_id}/cancel': {
    post: {
      operationId: 'cancelVideo',
      tags: ['videos'],
      summary: 'Stop a video that waits or is being processed',
      description:
        'The video stays, with status `error`, `error` and `error_code` `cancelled`, until it is deleted or expires. Cancelling it again is answered alike.',
      requestParams: { path: z.object({ video_id: videoId }) },
      responses: { '200': video('cancelled'), ...refusals(...changing, 'not_found', 'video_is_over') },
    },
  },
  '/v1/videos/{video_id}/content': {
    get: {
      operationId: 'downloadVideo',
      tags: ['videos'],
      summary: 'The finished file',
      description: 'Takes Range, If-Range and If-None-Match; the ETag is the SHA-256 of the file.',
      requestParams: { path: z.object({ video_id: videoId }) },
      responses: {
        '200': { description: 'The file.', content: mp4 },
        '206': { description: 'A part of the file.', content: mp4 },
        '302': {
          description:
            'The file is at this address, for five minutes; only where `CONTENT_REDIRECT` is set. Clients follow it.',
          headers: { location: { description: 'For this method alone.', schema: { type: 'string', format: 'uri' } } },
        },
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
      tags: ['service'],
      summary: 'This process is alive, and of which version',
      responses: { '200': { description: 'Alive.', content: json(healthSchema) } },
    },
  },
  '/readyz': {
    get: {
      operationId: 'ready',
      tags: ['service'],
      summary: 'Temporal, S3 and a worker can be reached',
      responses: {
        '200': { description: 'All of them.', content: json(readinessSchema) },
        '503': { description: 'Which of them cannot, and why.', content: json(readinessSchema) },
      },
    },
  },
}

const description = `A reference picture or video, one or two voices and a prompt become a talking video.

Order one with POST and keep its \`id\`; ask with GET every few seconds while \`status\` is \`queued\` or \`processing\`; download it once
it is \`completed\`. \`error\` is the other end, with the reason in \`error\`. Answers may get further keys.`

/** The OpenAPI 3.1 document, from the schemas that check the requests. */
export function openApiDocument() {
  return createDocument(
    {
      openapi: '3.1.0',
      info: {
        title: 'Text2Video',
        version: '1',
        description,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      // Relative to where this document lies, so that it holds behind a proxy and under a path prefix too.
      servers: [{ url: './' }],
      security: [], // there is no authentication
      tags: [
        { name: 'videos', description: 'Order, follow, download, cancel and delete.' },
        { name: 'service', description: 'For whoever runs it.' },
      ],
      paths,
      components: { schemas: { VideoOrder: orderSchema } },
    },
    { override: openAnswer },
  )
}

/** What clients are generated from promises no more than holds: answers get further keys in later versions. */
function openAnswer({ jsonSchema, io }: ZodOpenApiOverrideContext): void {
  if (io === 'output') delete jsonSchema.additionalProperties
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum // zod's own bound of an integer
}
