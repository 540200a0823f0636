import { Server, ServerCredentials } from '@grpc/grpc-js'
import { ReflectionService } from '@grpc/reflection'
import { HealthImplementation, protoPath } from 'grpc-health-check'
import { loadSync } from '@grpc/proto-loader'
import { promisify } from 'node:util'
import type { RunnerHandlers } from '../generated/text2video/runner/v1/Runner.js'
import { loadRunnerProto, maxMessageBytes } from '../contract/runner-proto.js'

/** How long open calls may take to end when the server stops. */
const drainMs = 3000

export type RunnerServer = AsyncDisposable & {
  port: number
  /** What `grpc.health.v1` says, of the whole server and of the service. */
  serving(is: boolean): void
}

/** Serves the runner with health (not serving at first) and reflection. Rejects if the port is taken. */
export async function startGrpcServer(
  { host, port }: { host: string; port: number },
  handlers: RunnerHandlers,
): Promise<RunnerServer> {
  const { definition, Runner } = loadRunnerProto()
  const server = new Server({
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
    // A caller whose machine is gone closes nothing; it must not hold the place of a submission, nor count as a watcher.
    'grpc.keepalive_time_ms': 10_000,
    'grpc.keepalive_timeout_ms': 5000,
  })
  server.addService(Runner.service, handlers)
  const names = ['', 'text2video.runner.v1.Runner']
  const health = new HealthImplementation(Object.fromEntries(names.map((name) => [name, 'NOT_SERVING' as const])))
  health.addToServer(server)
  new ReflectionService({ ...definition, ...loadSync(protoPath) }).addToServer(server)

  const bound = await promisify<string, ServerCredentials, number>((address, credentials, done) =>
    server.bindAsync(address, credentials, done),
  )(`${host}:${port}`, ServerCredentials.createInsecure())
  return {
    port: bound,
    serving(is) {
      for (const name of names) health.setStatus(name, is ? 'SERVING' : 'NOT_SERVING')
    },
    async [Symbol.asyncDispose]() {
      const lastResort = setTimeout(() => server.forceShutdown(), drainMs)
      await promisify<void>((done) => server.tryShutdown(done))().catch(() => {})
      clearTimeout(lastResort)
    },
  }
}
