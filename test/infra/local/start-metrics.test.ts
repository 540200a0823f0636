import assert from 'node:assert/strict'
import { randomInt, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import test from 'node:test'
import { ownBucket } from '../../support/own-bucket.js'
import { outsideServers, runProgram } from '../../support/run-program.js'
import { testStack } from '../../support/test-stack.js'

test('npm start serves metrics from METRICS_PORT on, lists where, and says which port was taken', async (context) => {
  const base = randomInt(1_000, 3_000) * 10 // below the ports that systems give to connections on their way out
  const other = createServer((_req, res) => res.end('not ours')).listen(base + 1, '127.0.0.1')
  await once(other, 'listening')
  context.after(() => other.close())
  const changes = {
    // A service of its own on the servers of the tests, whose nodes it must not touch.
    ...(await ownBucket(testStack(), 'metrics')),
    TEMPORAL_NAMESPACE: `metrics-${randomUUID()}`,
    ...{ TEMPORAL_CREATE_NAMESPACE: 'true', RUNNER_ADDRESS: '127.0.0.1:1', NODE_NAME: 'metrics' },
    METRICS_PORT: String(base),
  }
  const listed = new Map<string, string>()
  const { code, output } = await runProgram(
    context,
    'infra/local/start.js',
    { ...outsideServers, ...changes },
    {
      until: 'Ctrl-C',
      async use(said) {
        for (const [, name = '', url = ''] of said.matchAll(/Metrics: (\S+) +(http\S+)/g)) {
          listed.set(name, url)
          assert.match(await (await fetch(url)).text(), /^text2video_build_info/m)
        }
      },
    },
  )
  assert.equal(code, 0, output)
  const portOf = (name: string) => Number(new URL(listed.get(name) ?? 'http://nowhere').port)
  assert.deepEqual([...listed.keys()], ['api', 'videos', 'media', 'node'], output)
  assert.deepEqual(['api', 'media', 'node'].map(portOf), [base, base + 2, base + 4])
  assert.notEqual(portOf('videos'), base + 1)
  assert.match(
    output,
    new RegExp(`warn: port ${base + 1} for the metrics of videos is in use .*: ${portOf('videos')} it is`),
  )
})
