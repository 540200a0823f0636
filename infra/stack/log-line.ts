/** What the supervisor reads in a JSON log line of one of our programs; other lines are none of its business. */
export type LogLine = { level: string; message: string; event?: string; video?: string; error?: string }

/** Reads one line of a log; undefined when it is not a JSON object of ours (Temporal's and MinIO's own words). */
export function readLogLine(line: string): LogLine | undefined {
  if (!line.startsWith('{')) return undefined
  let fields: Record<string, unknown>
  try {
    fields = JSON.parse(line) as Record<string, unknown>
  } catch {
    return undefined
  }
  const { level, msg, event, video } = fields
  if (typeof level !== 'string' || typeof msg !== 'string') return undefined
  const error = messageOf(fields.err ?? fields.error)
  return {
    level,
    message: msg,
    ...(typeof event === 'string' && { event }),
    ...(typeof video === 'string' && { video }),
    ...(error !== undefined && { error }),
  }
}

/**
 * The line as a person wants it on a terminal; undefined for what only the files need: that a program did something of
 * its own, at level info, without a video to which it matters.
 */
export function readableLine({ level, message, video, error }: LogLine): string | undefined {
  const alarming = level === 'warn' || level === 'error' || level === 'fatal'
  if (!alarming && (level !== 'info' || video === undefined)) return undefined
  return [alarming && `${level}:`, message, video && `(${video})`, error && `— ${error}`].filter(Boolean).join(' ')
}

function messageOf(error: unknown): string | undefined {
  if (typeof error === 'string') return error
  const message: unknown = typeof error === 'object' && error !== null && 'message' in error ? error.message : undefined
  return typeof message === 'string' ? message : undefined
}
