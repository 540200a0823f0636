import { Client, Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client'
import { callDeadlines } from './temporal-deadlines.js'
import { temporalAway } from './temporal-problem.js'

export { prepareNamespace, requireNamespace } from './temporal-namespace.js'

export type TemporalAddress = { TEMPORAL_ADDRESS: string; TEMPORAL_NAMESPACE: string }

export type TemporalClient = AsyncDisposable & {
  client: Client
  connection: Connection
  /** Resolves when the server answers; rejects with why not, within 3 s. */
  ping(): Promise<void>
}

/** For a connection, of a client or a worker. */
export const connectMs = 8_000
const pingMs = 3_000

/**
 * A client of the Temporal server. Every call has a deadline of its own (see `callDeadlines`); a tighter one is set
 * with `client.withDeadline`. Rejects with `StartProblem` if the server does not answer within 8 s.
 */
export async function connectTemporal(settings: TemporalAddress): Promise<TemporalClient> {
  const connection = await Connection.connect({
    address: settings.TEMPORAL_ADDRESS,
    tls: false,
    connectTimeout: connectMs,
    interceptors: [callDeadlines, makeGrpcRetryInterceptor(defaultGrpcRetryOptions())],
  }).catch(async (error: unknown) => {
    throw await temporalAway(settings, error)
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
