import type { S3Address } from '../../s3/s3-client.js'
import type { DataFolder } from '../data/data-folder.js'
import type { StackPorts } from './stack-ports.js'
import type { StackSettings } from './stack-settings.js'

/** Where everything of a stack is, known before it runs. */
export type Places = {
  apiUrl: string
  temporalAddress: string
  /** Undefined where Temporal, or S3, is not ours. */
  temporalUiUrl: string | undefined
  s3ConsoleUrl: string | undefined
  namespace: string
  s3: S3Address
  runnerAddresses: string[]
  /** By program: metrics in Prometheus's format. */
  metricsUrls: Record<string, string>
  dataDir: string
  logDir: string
}

/** Gives the address at which `part` (by its name) finds a server that is at `address`: that itself, or of a proxy before it. */
export type Route = (part: string, server: 'temporal' | 's3' | 'runner', address: string) => string

/** Gives what is ours its address on loopback, and makes MinIO's keys where there are none yet. */
export function placesOf(settings: StackSettings, ports: StackPorts, data: DataFolder): Places {
  const { outside, API_HOST } = settings
  const local = (port: number) => `127.0.0.1:${port}`
  const apiHost = API_HOST === '0.0.0.0' || API_HOST === '::' ? '127.0.0.1' : API_HOST
  return {
    apiUrl: `http://${apiHost}:${ports.api}`,
    temporalAddress: outside.temporalAddress ?? local(ports.temporal),
    temporalUiUrl: outside.temporalAddress === undefined ? `http://${local(ports.temporalUi)}` : undefined,
    s3ConsoleUrl: outside.s3 === undefined ? `http://${local(ports.s3Console)}` : undefined,
    namespace: settings.TEMPORAL_NAMESPACE,
    s3: outside.s3 ?? {
      S3_ENDPOINT: `http://${local(ports.s3)}`,
      S3_BUCKET: settings.S3_BUCKET,
      S3_REGION: settings.S3_REGION,
      ...data.secrets().bucket,
    },
    runnerAddresses: outside.runnerAddress === undefined ? ports.runners.map(local) : [outside.runnerAddress],
    metricsUrls: Object.fromEntries(
      Object.entries(ports.metrics).map(([name, port]) => [name, `http://${local(port)}/metrics`]),
    ),
    dataDir: data.path,
    logDir: data.logDir,
  }
}
