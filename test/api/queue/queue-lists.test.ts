import { after, test } from 'node:test'
import { pino } from 'pino'
import { QueueView } from '../../../api/queue/queue-view.js'
import { videoLister } from '../../../api/queue/video-lister.js'
import { connectTemporal } from '../../../infra/temporal/temporal.js'
import { startBenchVideo } from '../../bench/order.js'
import { testStack } from '../../support/test-stack.js'
import { until } from '../../support/until.js'

const stack = testStack()
const temporal = await connectTemporal({
  TEMPORAL_ADDRESS: stack.temporalAddress,
  TEMPORAL_NAMESPACE: stack.namespace,
})
after(() => temporal[Symbol.asyncDispose]())

test('a video that another process starts comes into the queue, and one that an operator terminates leaves it', async () => {
  using view = new QueueView(videoLister(temporal.client), pino({ level: 'silent' }))
  await view.videos()
  const waits = async (id: string) => (await view.videos()).has(id)
  const id = await startBenchVideo(temporal.client, {}, 'nobody')
  await until('it waits', () => waits(id))
  await temporal.client.workflow.getHandle(id).terminate()
  await until('it does not wait any more', async () => !(await waits(id)))
})
