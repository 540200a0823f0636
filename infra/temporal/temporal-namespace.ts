import { status } from '@grpc/grpc-js'
import { type Connection, isGrpcServiceError } from '@temporalio/client'
import proto from '@temporalio/proto' // CommonJS: its names are not seen from here, its default is
import type { NativeConnection } from '@temporalio/worker'
import { searchAttributes } from '../../workflows/names.js'
import { BadSettings, shown } from '../program/settings.js'
import { lineOf, StartProblem } from '../program/start-problem.js'

export type NamespaceSettings = {
  TEMPORAL_ADDRESS: string
  TEMPORAL_NAMESPACE: string
  /** Whether it is made where there is none: a misspelt name would be a second, empty service that looks healthy. */
  TEMPORAL_CREATE_NAMESPACE: boolean
}

type AnyConnection = Connection | NativeConnection

const { KEYWORD, INT, DATETIME } = {
  KEYWORD: proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  INT: proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_INT,
  DATETIME: proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
}

const wanted: Record<string, proto.temporal.api.enums.v1.IndexedValueType> = {
  [searchAttributes.phase]: KEYWORD,
  [searchAttributes.tenant]: KEYWORD,
  [searchAttributes.priority]: INT,
  [searchAttributes.changedAt]: DATETIME,
  [searchAttributes.node]: KEYWORD,
  [searchAttributes.errorCode]: KEYWORD,
}

/** How long the history of a closed workflow must stay readable, seconds. start-dev makes namespaces with one day. */
const leastRetentionDays = 30
const leastRetentionSeconds = leastRetentionDays * 86_400
const leastRetention = proto.google.protobuf.Duration.fromObject({ seconds: leastRetentionSeconds })

const answerMs = 8_000
const settleMs = 30_000

/**
 * Resolves when the namespace is there; makes and prepares it where that is asked for. Rejects with `BadSettings` where it is
 * not there or Temporal refuses us, and with `StartProblem` where Temporal does not answer within 8 s.
 */
export async function requireNamespace(connection: AnyConnection, settings: NamespaceSettings): Promise<void> {
  const found = await findNamespace(connection, settings)
  if (found === undefined) await prepareNamespace(connection, settings)
}

/**
 * Makes the namespace fit for the service: there at all, our search attributes known, closed workflows kept for 30 days or
 * more. May run at every start and from several programs at once. Resolves when workflows can be started with the attributes;
 * rejects as `requireNamespace` does.
 */
export async function prepareNamespace(connection: AnyConnection, settings: NamespaceSettings): Promise<void> {
  const { TEMPORAL_NAMESPACE: namespace, TEMPORAL_CREATE_NAMESPACE } = settings
  const found = await findNamespace(connection, settings)
  if (found !== undefined) await keepHistories(connection, namespace, found)
  else if (TEMPORAL_CREATE_NAMESPACE) await makeNamespace(connection, namespace)
  else throw namespaceMissing(settings)
  // A new namespace is "not found" by most calls for some seconds.
  const deadline = Date.now() + settleMs
  for (;;) {
    const missing = await missingAttributes(connection, namespace)
    if (Object.keys(missing).length === 0) return
    if (Date.now() > deadline) throw new Error(`search attributes did not appear: ${Object.keys(missing).join(', ')}`)
    await connection.operatorService
      .addSearchAttributes({ namespace, searchAttributes: missing })
      .catch(unless(status.ALREADY_EXISTS, status.NOT_FOUND))
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

type Namespace = proto.temporal.api.workflowservice.v1.IDescribeNamespaceResponse

/** Undefined where there is none. */
async function findNamespace(
  connection: AnyConnection,
  { TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE: namespace }: NamespaceSettings,
): Promise<Namespace | undefined> {
  const at = `TEMPORAL_ADDRESS=${shown('TEMPORAL_ADDRESS', TEMPORAL_ADDRESS)}`
  try {
    return await connection.withDeadline(Date.now() + answerMs, () =>
      connection.workflowService.describeNamespace({ namespace }),
    )
  } catch (error) {
    if (!isGrpcServiceError(error)) throw error
    const { code } = error
    if (code === status.NOT_FOUND) return undefined
    if (code === status.UNIMPLEMENTED)
      throw new BadSettings(`${at}: what answers there is not Temporal (${lineOf(error)})`)
    if (code === status.UNAUTHENTICATED || code === status.PERMISSION_DENIED) {
      throw new BadSettings(`${at}: Temporal refuses us (${lineOf(error)})`)
    }
    throw new StartProblem(`${at}: Temporal does not answer (${lineOf(error)})`)
  }
}

function namespaceMissing({ TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE }: NamespaceSettings): BadSettings {
  const name = shown('TEMPORAL_NAMESPACE', TEMPORAL_NAMESPACE)
  const own = `--address ${TEMPORAL_ADDRESS} --namespace ${name} --retention ${leastRetentionDays}d`
  return new BadSettings(
    `TEMPORAL_NAMESPACE=${name}: Temporal at ${TEMPORAL_ADDRESS} has no such namespace; make it with ` +
      `\`temporal operator namespace create ${own}\`, or set TEMPORAL_CREATE_NAMESPACE=true`,
  )
}

async function missingAttributes(connection: AnyConnection, namespace: string): Promise<typeof wanted> {
  const listed = await connection.operatorService.listSearchAttributes({ namespace }).catch(unless(status.NOT_FOUND))
  const there = listed?.customAttributes ?? {}
  for (const [name, type] of Object.entries(wanted)) {
    const found = there[name]
    if (found !== undefined && found !== type) {
      throw new Error(`search attribute ${name} of namespace ${namespace} has type ${found}, not ${type}`)
    }
  }
  return Object.fromEntries(Object.entries(wanted).filter(([name]) => !(name in there)))
}

async function makeNamespace(connection: AnyConnection, namespace: string): Promise<void> {
  await connection.workflowService
    .registerNamespace({ namespace, workflowExecutionRetentionPeriod: leastRetention })
    .catch(unless(status.ALREADY_EXISTS))
}

async function keepHistories(connection: AnyConnection, namespace: string, { config }: Namespace): Promise<void> {
  if (Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) >= leastRetentionSeconds) return
  await connection.workflowService.updateNamespace({
    namespace,
    config: { workflowExecutionRetentionTtl: leastRetention },
  })
}

/** A handler that swallows errors with these gRPC codes. */
function unless(...codes: status[]): (error: unknown) => undefined {
  return (error) => {
    if (isGrpcServiceError(error) && codes.includes(error.code)) return undefined
    throw error
  }
}
