import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type VideoAnswer, videoSchema } from '../../api/videos/video-schema.js'
import { connectTemporal } from '../../infra/temporal/temporal.js'
import { ofVideos } from '../../workflows/names.js'
import { picture, toneWav } from '../support/api/api-media.js'
import { testStack } from '../support/test-stack.js'
import { type NodeRender, nodeRenders } from '../support/video/node-renders.js'

const { apiUrl, temporalAddress, namespace, runnerAddresses } = testStack()
const temporal = await connectTemporal({ TEMPORAL_ADDRESS: temporalAddress, TEMPORAL_NAMESPACE: namespace })
after(() => temporal[Symbol.asyncDispose]())

const reference = new Blob([await picture('png', 256, 256)])
const voice = new Blob([toneWav(1)])

/** The same order each time, down to its seed. */
async function order(): Promise<string> {
  const form = new FormData()
  form.append('input_reference', reference, 'ref.png')
  form.append('audio', voice, '1.wav')
  const answer = await fetch(`${apiUrl}/v1/videos`, { method: 'POST', body: form })
  return videoSchema.parse(await answer.json()).id
}

async function completed(id: string): Promise<void> {
  for (;;) {
    const { status, error }: VideoAnswer = videoSchema.parse(await (await fetch(`${apiUrl}/v1/videos/${id}`)).json())
    assert.notEqual(status, 'error', error)
    if (status === 'completed') return
    await sleep(100)
  }
}

/** The digest of the finished file. */
async function digest(id: string): Promise<string | null> {
  return (await fetch(`${apiUrl}/v1/videos/${id}/content`, { method: 'HEAD' })).headers.get('etag')
}

test('videos sent at once are rendered by both nodes, to the same bytes on either', async () => {
  assert.equal(runnerAddresses.length, 2)
  const renders: NodeRender[] = []
  const nodes = () => new Set(renders.map(({ node }) => node))
  const ids: string[] = []
  // Other tests' videos may hold a node for a while: then the first few all go to the other one.
  for (let round = 0; round < 10 && nodes().size < 2; round++) {
    const sent = await Promise.all([order(), order(), order(), order()])
    await Promise.all(sent.map(completed))
    for (const id of sent) renders.push(...(await nodeRenders(temporal.client, id)))
    ids.push(...sent)
  }
  assert.equal(renders.length, ids.length, 'each was rendered once')
  assert.equal(nodes().size, 2, `all ${ids.length} were rendered by ${[...nodes()].join(' ')}`)
  const digests = new Set(await Promise.all(ids.map(digest)))
  assert.equal(digests.size, 1, [...digests].join(' '))
  assert.match([...digests].join(), /^"[0-9a-f]{64}"$/)
})

test('no node ever renders two videos at a time', async () => {
  const byNode = new Map<string, NodeRender[]>()
  // Those of every test so far: whatever was sent to this stack.
  for await (const { workflowId } of temporal.client.workflow.list({ query: ofVideos })) {
    for (const render of await nodeRenders(temporal.client, workflowId)) {
      byNode.set(render.node, [...(byNode.get(render.node) ?? []), render])
    }
  }
  assert.equal(byNode.size, 2)
  for (const [node, renders] of byNode) {
    renders.sort((a, b) => a.started - b.started)
    for (const [i, { id, started }] of renders.entries()) {
      const before = renders[i - 1]
      if (before) assert.ok(before.ended <= started, `${node} began ${id} while it rendered ${before.id}`)
    }
  }
})
