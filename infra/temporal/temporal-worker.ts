import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '@temporalio/client'
import { NativeConnection } from '@temporalio/worker'
import { connectMs, ping, type TemporalAddress } from './temporal.js'
import { temporalAway } from './temporal-problem.js'

export type TemporalWorkerConnection = AsyncDisposable & {
  client: Client
  connection: NativeConnection
  /** Resolves when the server answers; rejects with why not, within 3 s. */
  ping(): Promise<void>
}

/**
 * A worker's connection. Stop the workers that use it before it is disposed of. Rejects with `StartProblem` if the server does
 * not answer within 8 s.
 */
export async function connectWorker(settings: TemporalAddress): Promise<TemporalWorkerConnection> {
  const connection = await connectInTime(settings.TEMPORAL_ADDRESS).catch(async (error: unknown) => {
    throw await temporalAway(settings, error)
  })
  return {
    client: new Client({ connection, namespace: settings.TEMPORAL_NAMESPACE }),
    connection,
    ping: () => ping(connection),
    [Symbol.asyncDispose]: () => connection.close(),
  }
}

/** The native client waits without end for a server that takes the connection and says nothing. */
async function connectInTime(address: string): Promise<NativeConnection> {
  const over = new AbortController()
  const connecting = NativeConnection.connect({
    address,
    tls: false,
    // Messages of some KB in one network: squeezing them costs both sides more than it saves.
    grpcCompression: { codec: 'none' },
  })
  const late = sleep(connectMs, undefined, { signal: over.signal }).then(() => {
    connecting.then((connection) => connection.close()).catch(() => undefined)
    throw new Error(`no answer within ${connectMs / 1000} s`)
  })
  try {
    return await Promise.race([connecting, late])
  } finally {
    late.catch(() => undefined)
    over.abort()
  }
}
