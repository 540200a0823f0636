import { environment } from '../../infra/local/stack/environment.js'

/** For a stack of the chaos suite's own: outside servers that the shell may point at are none of its business. */
export function chaosEnvironment(changes: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { S3_ENDPOINT, TEMPORAL_ADDRESS, RUNNER_ADDRESS, S3_BUCKET, TEMPORAL_NAMESPACE, ...inherited } = environment()
  return { ...inherited, RANKS: '2', ...changes }
}
