/** What the supervisor reads in a JSON log line of one of our programs; other lines are none of its business. */
export type LogLine = {
  level: string
  message: string
  event?: string
  video?: string
  error?: string
  /** The line's other plain fields, as `name=value`. */
  details: string[]
}

const longest = 400
const known = ['time', 'pid', 'program', 'request']

/** Reads one line of a log; undefined when it is not a JSON object of ours (Temporal's and MinIO's own words). */
export function readLogLine(line: string): LogLine | undefined {
  if (!line.startsWith('{')) return undefined
  let fields: Record<string, unknown>
  try {
    fields = JSON.parse(line) as Record<string, unknown>
  } catch {
    return undefined
  }
  const { level, msg, event, video, err, error: named, ...others } = fields
  if (typeof level !== 'string' || typeof msg !== 'string') return undefined
  const error = messageOf(err ?? named)
  return {
    level,
    message: msg,
    ...(typeof event === 'string' && { event }),
    ...(typeof video === 'string' && { video }),
    ...(error !== undefined && { error }),
    details: Object.entries(others)
      .filter(([name, value]) => !known.includes(name) && ['string', 'number', 'boolean'].includes(typeof value))
      .map(([name, value]) => `${name}=${String(value)}`),
  }
}

/**
 * The line as a person wants it on a terminal; undefined for what only the files need: what a program did of its own, at
 * level info, without a video to which it matters; answered requests, which say nothing that another line does not; and what
 * looks wrong in the environment, which the stack has said for all. What a part refuses is shown whole.
 */
export function readableLine({ level, message, event, video, error, details }: LogLine): string | undefined {
  if (event === 'setting') return undefined
  const alarming = level === 'warn' || level === 'error' || level === 'fatal'
  if (!alarming && (level !== 'info' || video === undefined || event === 'request')) return undefined
  const words = [alarming && `${level}:`, message, video && `(${video})`, error && error !== message && `— ${error}`]
  const line = [...words, ...(alarming ? details : [])].filter(Boolean).join(' ').replace(/\s+/g, ' ')
  return line.length > longest && event !== 'refused' ? `${line.slice(0, longest)} … (all of it in the log file)` : line
}

function messageOf(error: unknown): string | undefined {
  if (typeof error === 'string') return error
  const message: unknown = typeof error === 'object' && error !== null && 'message' in error ? error.message : undefined
  return typeof message === 'string' ? message : undefined
}
