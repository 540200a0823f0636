import assert from 'node:assert/strict'
import test from 'node:test'
import { errorSchema, openApiDocument } from '../../../api/openapi/openapi.js'
import { type ParameterName, parametersSchema } from '../../../api/parameters/parameters.js'
import { problems } from '../../../api/http/problems.js'
import { readParameters } from '../../../api/parameters/read-parameters.js'
import { videoSchema } from '../../../api/videos/video-schema.js'
import { presets } from '../../../workflows/presets.js'

// As a client gets it: JSON, without what JavaScript alone sees.
const document = JSON.parse(JSON.stringify(openApiDocument()))
const { VideoOrder, Video, Error: ErrorBody } = document.components.schemas
const operations: [string, any][] = Object.values<object>(document.paths).flatMap((path) => Object.entries(path))

/** Every object within a part of the document, with the way to it. */
function* objectsIn(part: any, way = ''): Generator<[string, any]> {
  if (typeof part !== 'object' || part === null) return
  if (!Array.isArray(part)) yield [way, part]
  for (const [key, value] of Object.entries(part)) yield* objectsIn(value, `${way}/${key}`)
}

test('files are binary and not empty, and one or two voices are an array of them', () => {
  const { input_reference, audio } = VideoOrder.properties
  for (const file of [input_reference, audio.items]) {
    assert.deepEqual([file.type, file.format, file.minLength], ['string', 'binary', 1])
  }
  assert.deepEqual([audio.type, audio.minItems, audio.maxItems], ['array', 1, 2])
  const { content } = document.paths['/v1/videos/{video_id}/content'].get.responses['200']
  assert.equal(content['video/mp4'].schema.format, 'binary')
})

test('boxes are text: a content type would make them a file to choose', () => {
  assert.equal(VideoOrder.properties.bbox.type, 'string')
  assert.equal(VideoOrder.properties.bbox.contentMediaType, undefined)
})

test('whole numbers that do not fit 32 bits are int64', () => {
  const { created_at, completed_at, expires_at } = Video.properties
  for (const schema of [VideoOrder.properties.seed, created_at, completed_at.anyOf[0], expires_at.anyOf[0]]) {
    assert.deepEqual([schema.type, schema.format], ['integer', 'int64'])
  }
  assert.equal(document.paths['/v1/videos'].post.responses['200'].headers['x-video-seed'].schema.format, 'int64')
  for (const [way, { maximum, format }] of objectsIn(document)) {
    if (maximum >= 2 ** 31) assert.equal(format, 'int64', way)
  }
})

test('the server is where the document lies, and nothing asks for a login', () => {
  assert.deepEqual(document.servers, [{ url: './' }])
  assert.deepEqual(document.security, [])
})

test('answers may get further keys and words, orders may not', () => {
  for (const [way, { additionalProperties }] of objectsIn({ Video, ErrorBody, paths: document.paths })) {
    assert.notEqual(additionalProperties, false, way)
  }
  const { type } = ErrorBody.properties.error.properties
  assert.deepEqual([type.type, type.enum], ['string', undefined])
  assert.deepEqual(type['x-extensible-enum'], Object.keys(problems))
  for (const name of Object.keys(problems)) assert.ok(type.description.includes(`\`${name}\``), name)
  assert.equal(VideoOrder.additionalProperties, false)
})

test('no parameter has the keyword default, which clients would send; its description tells the default', () => {
  assert.deepEqual(VideoOrder.required, ['input_reference', 'audio'])
  const defaults = readParameters(new Map()) as Record<string, unknown>
  for (const name of Object.keys(parametersSchema.shape)) {
    const { default: keyword, description } = VideoOrder.properties[name]
    assert.equal(keyword, undefined, name)
    if (defaults[name] === undefined || defaults[name] === '') continue
    const told = description.replaceAll('`', '')
    const ofPreset = name in presets.quality
    const sentence = ofPreset ? `the preset’s, ${defaults[name]} with quality.` : `${defaults[name]}.`
    assert.ok(told.endsWith(` Default: ${sentence}`), `${name}: ${description}`)
  }
})

test('every example is what the API says and takes', () => {
  const answers = operations.flatMap(([, operation]) => Object.values<any>(operation.responses))
  const shown = { videos: 0, refusals: 0 }
  for (const { content = {} } of answers) {
    const { schema, example, examples = {} } = content['application/json'] ?? {}
    if (example !== undefined) {
      assert.equal(schema.$ref, '#/components/schemas/Video')
      videoSchema.parse(example)
      shown.videos++
    }
    for (const [name, { value }] of Object.entries<any>(examples)) {
      assert.equal(errorSchema.parse(value).error.type, name)
      shown.refusals++
    }
  }
  assert.deepEqual(shown.videos, 4)
  assert.ok(shown.refusals > 30)
  for (const [name, { examples = [] }] of Object.entries<any>(VideoOrder.properties)) {
    for (const example of examples) readParameters(new Map([[name as ParameterName, example]]))
  }
})

test('the answer to an order links to what can be done with the video', () => {
  const { links } = document.paths['/v1/videos'].post.responses['200']
  assert.deepEqual(Object.keys(links), ['getVideo', 'downloadVideo', 'cancelVideo', 'deleteVideo'])
  for (const { operationId, parameters } of Object.values<any>(links)) {
    const [, linked] = operations.find(([, operation]) => operation.operationId === operationId) ?? []
    assert.deepEqual(
      Object.keys(parameters),
      linked.parameters.map(({ name }: { name: string }) => name),
    )
    assert.equal(parameters.video_id, '$response.body#/id')
  }
})

test('every operation has a tag that the document describes', () => {
  const described = document.tags.map(({ name }: { name: string }) => name)
  for (const [method, { tags, operationId }] of operations) {
    assert.equal(tags.length, 1, `${method} ${operationId}`)
    assert.ok(described.includes(tags[0]), tags[0])
  }
})
