import { z } from 'zod'

/** GET /healthz. */
export const healthSchema = z.strictObject({ status: z.literal('ok'), version: z.string() })

const partState = z.union([
  z.strictObject({ ok: z.literal(true) }),
  z.strictObject({ ok: z.literal(false), why: z.string() }),
])

/** GET /readyz. */
export const readinessSchema = z
  .strictObject({
    status: z.enum(['ready', 'not ready', 'draining']),
    parts: z.strictObject({ temporal: partState, s3: partState, worker: partState }),
  })
  .meta({ id: 'Readiness' })
