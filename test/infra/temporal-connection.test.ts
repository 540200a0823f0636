import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { test } from 'node:test'
import { connectTemporal, prepareNamespace } from '../../infra/temporal/temporal.js'
import { connectWorker } from '../../infra/temporal/temporal-worker.js'
import { searchAttributes } from '../../workflows/names.js'
import { testStack } from '../support/test-stack.js'

const { temporalAddress: TEMPORAL_ADDRESS } = testStack()

test('a namespace is prepared as often as one likes, and takes workflows with our attributes', async () => {
  const TEMPORAL_NAMESPACE = `test-${randomUUID()}`
  await using temporal = await connectTemporal({ TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE })
  await temporal.ping()
  const settings = { TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_CREATE_NAMESPACE: true }
  await Promise.all([1, 2].map(() => prepareNamespace(temporal.connection, settings)))
  await prepareNamespace(temporal.connection, settings)

  const { connection } = temporal
  const { config } = await connection.workflowService.describeNamespace({ namespace: TEMPORAL_NAMESPACE })
  assert.ok(Number(config?.workflowExecutionRetentionTtl?.seconds) >= 30 * 86_400)
  const listed = await connection.operatorService.listSearchAttributes({ namespace: TEMPORAL_NAMESPACE })
  for (const name of Object.values(searchAttributes)) assert.ok(name in listed.customAttributes, name)

  const handle = await temporal.client.workflow.start('video', {
    workflowId: randomUUID(),
    taskQueue: 'nobody',
    searchAttributes: { [searchAttributes.phase]: ['queued'], [searchAttributes.changedAt]: [new Date()] },
  })
  await handle.terminate()
})

test('a worker connection answers a ping and carries a client', async () => {
  await using worker = await connectWorker({ TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE: 'default' })
  await worker.ping()
  assert.equal(worker.client.options.namespace, 'default')
})

test('a ping of a server that stopped answering ends by itself', async () => {
  // Passes everything on until it is told to stand still.
  const [host = '', farPort] = TEMPORAL_ADDRESS.split(':')
  let still = false
  const server = createServer((near) => {
    const far = connect(Number(farPort), host)
    near.on('data', (bytes) => still || far.write(bytes))
    far.on('data', (bytes) => still || near.write(bytes))
    near.on('error', () => far.destroy()).on('close', () => far.destroy())
    far.on('error', () => near.destroy()).on('close', () => near.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  {
    await using temporal = await connectTemporal({
      TEMPORAL_ADDRESS: `127.0.0.1:${port}`,
      TEMPORAL_NAMESPACE: 'default',
    })
    await temporal.ping()
    still = true
    await assert.rejects(temporal.ping(), { code: 4 }) // DEADLINE_EXCEEDED
    // Without a deadline of its own, too: every call has one.
    await assert.rejects(temporal.connection.workflowService.getSystemInfo({}), { code: 4 })
  }
  server.close()
})
