import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  type Client,
  type ClientDuplexStream,
  credentials,
  loadPackageDefinition,
  type ServiceClientConstructor,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { protoPath } from 'grpc-health-check'
import { connectRunner } from '../../gaudi-runner/client/runner-client.js'
import { alive, anOrder, eventsOf, twoFiles, until, untilIdle } from '../support/runner/local-runner.js'
import { inFolder, runnerMain, startActedProcess } from '../support/runner/runner-process.js'

type HealthClient = {
  check(request: { service: string }, done: (error: Error | null, answer?: { status: string }) => void): void
}

type ReflectionAnswer = { listServicesResponse: { service: { name: string }[] } }

type ReflectionClient = { serverReflectionInfo(): ClientDuplexStream<{ listServices: string }, ReflectionAnswer> }

/** A client that knows nothing of us, only a published protocol. */
function rawClient<C>(path: string, service: string, address: string): C & Client {
  const loaded: unknown = loadPackageDefinition(loadSync(path, { defaults: true, enums: String, oneofs: true }))
  const constructor = service.split('.').reduce((at, part) => (at as Record<string, unknown>)[part], loaded)
  return new (constructor as ServiceClientConstructor)(address, credentials.createInsecure()) as unknown as C & Client
}

test('health says what is so, and SIGTERM leaves no process behind', async () =>
  inFolder(async (dir) => {
    await mkdir(join(dir, 'jobs', 'video_old.1.abc'), { recursive: true })
    await using program = await startActedProcess(dir)
    assert.deepEqual(await readdir(join(dir, 'jobs')), [], 'what an earlier runner left is removed')
    const health = rawClient<HealthClient>(protoPath, 'grpc.health.v1.Health', program.address)
    const statusOf = (service: string) =>
      new Promise<string>((resolve, reject) => {
        health.check({ service }, (error, answer) => (answer ? resolve(answer.status) : reject(error)))
      })
    assert.equal(await statusOf('text2video.runner.v1.Runner'), 'NOT_SERVING')
    await until('serving', async () => (await statusOf('text2video.runner.v1.Runner')) === 'SERVING')
    assert.equal(await statusOf(''), 'SERVING')

    await using client = connectRunner(program.address)
    await client.submit(anOrder({ prompt: 'rank 1 throws once' }), twoFiles())
    await until('not serving', async () => (await statusOf('')) === 'NOT_SERVING')
    await until('serving again', async () => (await statusOf('')) === 'SERVING')
    assert.equal((await eventsOf(client, { jobId: 'video_1', generation: 1 })).at(-1)?.event, 'finished')
    health.close()
    assert.equal((await fetch(`${program.adminUrl}/healthz`)).status, 200)
    const metrics = await (await fetch(`${program.adminUrl}/metrics`)).text()
    const values = [
      /text2video_runner_ready\{.*\} 1\n/,
      /text2video_runner_rank_breaks_total\{code="rank_failed".*\} 1\n/,
      /text2video_runner_jobs_total\{state="FINISHED".*\} 1\n/,
      /text2video_runner_steps_total\{.*\} 6\n/,
      /text2video_runner_resumes_total\{after="ranks".*\} 1\n/,
      /text2video_runner_lost_steps_total\{.*\} 0\n/,
      /text2video_runner_recovered_jobs_total\{.*\} 0\n/,
      /text2video_runner_orphaned_jobs_total\{.*\} 0\n/,
      /text2video_runner_seconds_per_forward\{.*\} 0.02\n/,
    ]
    for (const value of values) assert.ok(value.test(metrics), String(value))

    const pids = await program.pids()
    program.child.kill('SIGTERM')
    assert.deepEqual(await once(program.child, 'exit'), [0, null])
    assert.deepEqual(await alive(pids), [])
  }))

test('kill -9 of the runner leaves no rank behind, busy or deaf to SIGTERM', async () =>
  inFolder(async (dir) => {
    await using program = await startActedProcess(dir, 'stubborn')
    await using client = connectRunner(program.address)
    await untilIdle(client)
    await client.submit(anOrder({ prompt: 'never ends' }), twoFiles())
    const pids = await program.pids()
    assert.equal((await alive(pids)).length, 2)
    program.child.kill('SIGKILL')
    await once(program.child, 'exit')
    await until('the end of all ranks', async () => (await alive(pids)).length === 0)
  }))

test('a second runner on the same port does not start, and harms nothing', async () =>
  inFolder(async (dir) => {
    await using program = await startActedProcess(dir)
    await using client = connectRunner(program.address)
    await untilIdle(client)
    await client.submit(anOrder({ prompt: 'never ends' }), twoFiles())
    const env = {
      ...process.env,
      RUNNER_PORT: String(program.port),
      RUNNER_DIR: dir,
      METRICS_PORT: '0',
      LOG_LEVEL: 'fatal',
    }
    const second = spawn(process.execPath, [runnerMain], { env, stdio: 'ignore' })
    assert.deepEqual(await once(second, 'exit'), [1, null])
    assert.equal((await client.describe()).state, 'BUSY')
    assert.equal((await client.submit(anOrder(), [])).state, 'RUNNING')
    program.child.kill('SIGTERM')
    await once(program.child, 'exit')
  }))

test('reflection tells a stranger which services there are', async () =>
  inFolder(async (dir) => {
    await using program = await startActedProcess(dir)
    const reflectionProto = fileURLToPath(
      new URL(
        '../../../node_modules/@grpc/reflection/build/proto/grpc/reflection/v1/reflection.proto',
        import.meta.url,
      ),
    )
    const name = 'grpc.reflection.v1.ServerReflection'
    const reflection = rawClient<ReflectionClient>(reflectionProto, name, program.address)
    const call = reflection.serverReflectionInfo()
    call.write({ listServices: '*' })
    const [answer] = (await once(call, 'data')) as [ReflectionAnswer]
    call.end()
    reflection.close()
    const names = answer.listServicesResponse.service.map((service) => service.name)
    for (const own of ['text2video.runner.v1.Runner', 'grpc.health.v1.Health'])
      assert.ok(names.includes(own), `${names}`)
    program.child.kill('SIGTERM')
    await once(program.child, 'exit')
  }))
