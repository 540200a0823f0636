import type { S3Address } from '../infra/s3-client.js'

/** The real stack that `npm test` started for this run: every part of it, on free ports and in a folder of its own. */
export type TestStack = {
  apiUrl: string
  temporalAddress: string
  namespace: string
  s3: S3Address
  runnerAddresses: string[]
  /** By program. */
  metricsUrls: Record<string, string>
  ffmpegPath: string
  pythonPath: string
  dataDir: string
  examplesDir: string
}

/** The stack of this run. Throws when there is none: a test that needs it cannot pass without it. */
export function testStack(): TestStack {
  const json = process.env.TEST_STACK
  if (!json) throw new Error('this test needs the real stack: run it with `npm test -- <its name>`')
  return JSON.parse(json) as TestStack
}
