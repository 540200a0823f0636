import { status } from '@grpc/grpc-js'
import { type Connection, isGrpcServiceError } from '@temporalio/client'
import proto from '@temporalio/proto' // CommonJS: its names are not seen from here, its default is
import type { NativeConnection } from '@temporalio/worker'
import { searchAttributes } from '../workflows/names.js'

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
const leastRetentionSeconds = 30 * 86_400
const leastRetention = proto.google.protobuf.Duration.fromObject({ seconds: leastRetentionSeconds })

const settleMs = 30_000

/**
 * Makes the namespace fit for the service: there at all, our search attributes known, closed workflows kept for 30 days or
 * more. May run at every start and from several programs at once. Resolves when workflows can be started with the attributes.
 */
export async function prepareNamespace(connection: Connection | NativeConnection, namespace: string): Promise<void> {
  await keepHistories(connection, namespace)
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

async function missingAttributes(connection: Connection | NativeConnection, namespace: string): Promise<typeof wanted> {
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

async function keepHistories(connection: Connection | NativeConnection, namespace: string): Promise<void> {
  const found = await connection.workflowService.describeNamespace({ namespace }).catch(unless(status.NOT_FOUND))
  if (found === undefined) {
    await connection.workflowService
      .registerNamespace({ namespace, workflowExecutionRetentionPeriod: leastRetention })
      .catch(unless(status.ALREADY_EXISTS))
  } else if (Number(found.config?.workflowExecutionRetentionTtl?.seconds ?? 0) < leastRetentionSeconds) {
    await connection.workflowService.updateNamespace({
      namespace,
      config: { workflowExecutionRetentionTtl: leastRetention },
    })
  }
}

/** A handler that swallows errors with these gRPC codes. */
function unless(...codes: status[]): (error: unknown) => undefined {
  return (error) => {
    if (isGrpcServiceError(error) && codes.includes(error.code)) return undefined
    throw error
  }
}
