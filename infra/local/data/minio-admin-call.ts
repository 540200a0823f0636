import { createS3Client, type S3Address } from '../../s3/s3-client.js'

const answerMs = 10_000

export type AdminCall = { method: 'GET' | 'PUT'; path: string; body?: Uint8Array }

/** A call of MinIO's administration, of which the S3 SDK knows nothing; signed as its own are. */
export async function minioAdminCall(
  keys: S3Address,
  { method, path, body }: AdminCall,
): Promise<{ status: number; text: string }> {
  const url = new URL(`/minio/admin/v3/${path}`, keys.S3_ENDPOINT)
  const s3 = createS3Client(keys)
  try {
    const signer = await s3.config.signer()
    const { protocol, hostname, pathname, host } = url
    const signed = { method, protocol, hostname, path: pathname, query: Object.fromEntries(url.searchParams), body }
    const { headers } = await signer.sign({ ...signed, headers: { host } })
    const signal = AbortSignal.timeout(answerMs)
    // A connection of its own: MinIO closes one whose request it refuses before it has read it, and the next call would meet that.
    const answer = await fetch(url, {
      method,
      headers: { ...headers, connection: 'close' },
      signal,
      ...(body && { body }),
    })
    return { status: answer.status, text: await answer.text() }
  } finally {
    s3.destroy()
  }
}
