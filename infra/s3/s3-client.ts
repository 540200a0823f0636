import { S3Client } from '@aws-sdk/client-s3'

export type S3Address = {
  S3_ENDPOINT: string
  S3_BUCKET: string
  S3_REGION: string
  S3_ACCESS_KEY: string
  S3_SECRET_KEY: string
}

/**
 * The SDK's client, set so that it works with any S3-compatible server and never waits for ever.
 *
 * Checksums only where S3 demands them: the SDK's own break older servers, and cost 20 % of the speed. No `Expect`: it costs a round
 * trip a part. Sockets are not capped here: uploads are capped by their buffers, and a cap shared with slow
 * readers would let them stop every upload.
 */
export function createS3Client(settings: S3Address): S3Client {
  silenceNodeWarning()
  const s3 = new S3Client({
    endpoint: settings.S3_ENDPOINT,
    region: settings.S3_REGION,
    forcePathStyle: true,
    credentials: { accessKeyId: settings.S3_ACCESS_KEY, secretAccessKey: settings.S3_SECRET_KEY },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    expectContinueHeader: false,
    maxAttempts: 4,
    requestHandler: {
      connectionTimeout: 3_000,
      requestTimeout: 60_000, // to the answer's headers, the body that we send included
      throwOnRequestTimeout: true,
      socketTimeout: 0, // a reader may take its time
      httpAgent: { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY },
      httpsAgent: { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY },
    },
  })
  leaveBodiesUnsigned(s3)
  return s3
}

const uploadCommands = new Set<string | undefined>(['PutObjectCommand', 'UploadPartCommand'])

/**
 * Sends bodies without hashing them for the signature, which halves the CPU time of an upload (measured).
 * The upload's own SHA-256 says what was stored.
 */
function leaveBodiesUnsigned(s3: S3Client): void {
  s3.middlewareStack.add(
    (next, context) => (args) => {
      const { request } = args as { request: { headers: Record<string, string> } }
      if (uploadCommands.has(context.commandName)) request.headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD'
      return next(args)
    },
    { step: 'build', name: 'leaveBodiesUnsigned' },
  )
}

/** The SDK warns on every start under Node 20 that versions of 2027 will not run on it; ours is pinned. */
function silenceNodeWarning(): void {
  // eslint-disable-next-line no-restricted-properties -- the SDK's only switch for it
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true'
}
