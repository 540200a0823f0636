import { BadSettings } from '../program/settings.js'

export type RedirectSettings = { CONTENT_REDIRECT: boolean; S3_PUBLIC_ENDPOINT?: string | undefined }

/** Where clients are sent for a file; undefined where the API hands it out itself. Throws `BadSettings`. */
export function publicEndpoint({ CONTENT_REDIRECT, S3_PUBLIC_ENDPOINT }: RedirectSettings): string | undefined {
  if (!CONTENT_REDIRECT) return undefined
  if (S3_PUBLIC_ENDPOINT === undefined) {
    throw new BadSettings(
      'S3_PUBLIC_ENDPOINT=(not set): is needed with CONTENT_REDIRECT=true (the S3 server as clients reach it; e.g. https://s3.example.com)',
    )
  }
  return S3_PUBLIC_ENDPOINT
}
