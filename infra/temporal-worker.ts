import { Client } from '@temporalio/client'
import { NativeConnection } from '@temporalio/worker'
import { ping, type TemporalAddress } from './temporal.js'

export type TemporalWorkerConnection = AsyncDisposable & {
  client: Client
  connection: NativeConnection
  /** Resolves when the server answers; rejects with why not, within 3 s. */
  ping(): Promise<void>
}

/** A worker's connection. Stop the workers that use it before it is disposed of. */
export async function connectWorker(settings: TemporalAddress): Promise<TemporalWorkerConnection> {
  const connection = await NativeConnection.connect({ address: settings.TEMPORAL_ADDRESS, tls: false })
  return {
    client: new Client({ connection, namespace: settings.TEMPORAL_NAMESPACE }),
    connection,
    ping: () => ping(connection),
    [Symbol.asyncDispose]: () => connection.close(),
  }
}
