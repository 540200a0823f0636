import { Client, Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client'
import { callDeadlines } from './temporal-deadlines.js'

export { prepareNamespace } from './temporal-namespace.js'

export type TemporalAddress = { TEMPORAL_ADDRESS: string; TEMPORAL_NAMESPACE: string }

export type TemporalClient = AsyncDisposable & {
  client: Client
  connection: Connection
  /** Resolves when the server answers; rejects with why not, within 3 s. */
  ping(): Promise<void>
}

const pingMs = 3_000

/**
 * A client of the Temporal server. Every call has a deadline of its own (see `callDeadlines`); a tighter one is set
 * with `client.withDeadline`. Rejects if the server does not answer within 10 s.
 */
export async function connectTemporal(settings: TemporalAddress): Promise<TemporalClient> {
  const connection = await Connection.connect({
    address: settings.TEMPORAL_ADDRESS,
    tls: false,
    interceptors: [callDeadlines, makeGrpcRetryInterceptor(defaultGrpcRetryOptions())],
  })
  return {
    client: new Client({ connection, namespace: settings.TEMPORAL_NAMESPACE }),
    connection,
    ping: () => ping(connection),
    [Symbol.asyncDispose]: () => connection.close(),
  }
}

/** Of a client's connection or a worker's. */
export async function ping(connection: Pick<Connection, 'withDeadline' | 'workflowService'>): Promise<void> {
  await connection.withDeadline(Date.now() + pingMs, async () => {
    await connection.workflowService.getSystemInfo({})
  })
}
