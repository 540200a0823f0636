/**
 * What becomes of orders on their whole way: `node dist/test/support/video/order-journey.js '[{"steps": "7"}, …]'`, each the text fields of a form.
 *
 * A form is posted to the API, which starts a workflow with its order; the node worker's code submits that order to a runner over gRPC;
 * its ranks, which are played, keep what they are told to render; and the Python of the real ranks reads it. Prints a JSON
 * array: of each form the ranks' `order`, and the `sampling` that a step takes of it.
 */
import { execFileSync } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runnerOrder } from '../../../activities/render/runner-order.js'
import { root } from '../../../infra/local/setup/root.mjs'
import type { Order } from '../../../workflows/order.js'
import { startTestApi } from '../api/api-fixture.js'
import { orderForm, postOrder } from '../api/api-orders.js'
import { eventsOf, startLocalRunner, twoFiles, untilIdle } from '../runner/local-runner.js'
import { testStack } from '../test-stack.js'

const forms = JSON.parse(process.argv[2] ?? '[{}]') as Record<string, string>[]
const kept = join(tmpdir(), `orders-of-${process.pid}.jsonl`)
process.env.ORDERS_FILE = kept // the played ranks inherit it

await using api = await startTestApi()
await using runner = await startLocalRunner()
await untilIdle(runner.client)
for (const fields of forms) {
  const { status, body } = await postOrder(api.url, orderForm(fields))
  if (status !== 200) throw new Error(JSON.stringify(body))
  const order = api.started.find((video) => video.id === body.id)?.options.args[0].order as Order
  const job = { jobId: body.id as string, generation: 1 }
  await runner.client.submit(runnerOrder({ order, reference: order.reference, generation: 1 }, 0), twoFiles())
  await eventsOf(runner.client, job)
  await runner.client.release(job)
}

const read = `
import json, sys
from dataclasses import asdict
from pipeline.guidance import Sampling
from pipeline.order import Order
orders = [Order.read(json.loads(line)) for line in open(sys.argv[1])]
print(json.dumps([{"order": asdict(order), "sampling": asdict(Sampling.of(order))} for order in orders]))
`
const python = process.env.PYTHON_PATH ?? testStack().pythonPath
process.stdout.write(execFileSync(python, ['-c', read, kept], { cwd: join(root, 'gaudi-runner') }))
await rm(kept)
