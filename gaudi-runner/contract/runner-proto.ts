import { type GrpcObject, loadPackageDefinition } from '@grpc/grpc-js'
import { loadSync, type Options, type PackageDefinition } from '@grpc/proto-loader'
import { fileURLToPath } from 'node:url'
import type { ProtoGrpcType } from '../generated/runner.js'

/** As `infra/local/build.mjs` generates the types; the two must agree, or the types lie. */
const options: Options = { longs: Number, enums: String, defaults: true, oneofs: true }

/** Longest gRPC message either way, bytes: the transport refuses larger ones. */
export const maxMessageBytes = 1024 * 1024

/** Payload of one message of a file's bytes: well below `maxMessageBytes` with its framing. */
export const pieceBytes = 512 * 1024

/** The contract as loaded: `definition` for reflection, `Runner` for client and server. */
export type RunnerProto = {
  definition: PackageDefinition
  Runner: ProtoGrpcType['text2video']['runner']['v1']['Runner']
}

/** Reads `runner.proto` from the source tree: the build emits no copy of it. */
export function loadRunnerProto(): RunnerProto {
  const definition = loadSync(fileURLToPath(new URL('../../../gaudi-runner/runner.proto', import.meta.url)), options)
  const loaded: GrpcObject = loadPackageDefinition(definition)
  return { definition, Runner: (loaded as unknown as ProtoGrpcType).text2video.runner.v1.Runner }
}
