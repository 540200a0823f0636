/**
 * Every way in which a request can end badly: the `type` that clients see, its HTTP status, and what it means.
 * `/openapi.json` and `docs/errors.md` list exactly these (tested).
 */
export const problems = {
  malformed_request: {
    status: 400,
    meaning: 'the request cannot be read: broken multipart body, bad address or header',
  },
  missing_parameter: { status: 400, meaning: 'a required parameter is not there' },
  invalid_parameter: { status: 400, meaning: 'a parameter has a value that is not allowed' },
  unknown_parameter: { status: 400, meaning: 'there is no parameter of this name' },
  invalid_file: {
    status: 400,
    meaning: 'a file is of the wrong kind, broken, empty, silent, too short, too long or too large in pixels',
  },
  video_is_processing: { status: 400, meaning: 'a video that is being processed cannot be deleted' },
  cross_site_request: { status: 403, meaning: 'a page of another site asked for something that changes videos' },
  host_not_allowed: { status: 403, meaning: 'the Host header is a name that ALLOWED_HOSTS does not list' },
  not_found: { status: 404, meaning: 'no such video, or no such address' },
  method_not_allowed: { status: 405, meaning: 'the address exists, but not with this method; see the Allow header' },
  too_slow: { status: 408, meaning: 'the body arrives too slowly, or has stopped arriving' },
  video_not_ready: { status: 409, meaning: 'the video is not completed yet; see the retry-after header' },
  video_is_over: { status: 409, meaning: 'a video that is completed or failed cannot be cancelled' },
  video_failed: { status: 409, meaning: 'the video failed or was cancelled: there is no file, and there will be none' },
  too_large: { status: 413, meaning: 'the body, a file, a text part or the number of parts is over its limit' },
  wrong_content_type: { status: 415, meaning: 'the body is not multipart/form-data, or is compressed' },
  range_not_satisfiable: { status: 416, meaning: 'the asked range lies outside of the file' },
  expectation_failed: { status: 417, meaning: 'the Expect header asks for something other than 100-continue' },
  idempotency_conflict: {
    status: 422,
    meaning: 'the Idempotency-Key was used for another request within the last day',
  },
  headers_too_large: { status: 431, meaning: 'the request headers are over 16 KiB' },
  internal: { status: 500, meaning: 'something failed on our side; the log has it under the request id' },
  unavailable: {
    status: 503,
    meaning: 'Temporal, the object store or a worker does not answer; see the retry-after header',
  },
  busy: { status: 503, meaning: 'too many uploads at once; see the retry-after header' },
  draining: { status: 503, meaning: 'this server is being stopped and begins nothing new; see the retry-after header' },
} as const satisfies Record<string, { status: number; meaning: string }>

export type ProblemType = keyof typeof problems

export type ProblemOptions = {
  /** The parameter that it is about, by the contract's name. */
  param?: string
  headers?: Record<string, string>
  cause?: unknown
}

/** An error written for the caller to read. Every other error is a bug of ours, and its text stays here. */
export class Problem extends Error {
  readonly type: ProblemType
  readonly param: string | null
  readonly headers: Record<string, string>

  constructor(type: ProblemType, message: string, { param, headers, cause }: ProblemOptions = {}) {
    super(message, { cause })
    this.name = 'Problem'
    this.type = type
    this.param = param ?? null
    this.headers = headers ?? {}
  }

  get status(): number {
    return problems[this.type].status
  }

  /** The one error body of this API; `code` is the HTTP status as a string, as the contract has it. */
  get body() {
    return { error: { message: this.message, type: this.type, param: this.param, code: String(this.status) } }
  }
}

/** A part that everything needs does not answer; SDKs obey `retry-after`. */
export function unavailable(part: 'Temporal' | 'the object store', cause: unknown): Problem {
  return new Problem('unavailable', `${part} does not answer; try again in a moment`, {
    headers: { 'retry-after': '2' },
    cause,
  })
}

/** What takes long is not begun by a process that is about to end; another one answers the next try. */
export function refuseWhenDraining(draining: AbortSignal): void {
  if (!draining.aborted) return
  throw new Problem('draining', 'this server is being stopped; try again in a moment', {
    headers: { 'retry-after': '2' },
  })
}

/** `unavailable`, in the middle of accepting an order: what was stored may belong to a video, and must stay. */
export class OutcomeUnknown extends Problem {
  constructor(part: 'Temporal' | 'the object store', cause: unknown) {
    const { message, headers } = unavailable(part, cause)
    super('unavailable', message, { headers, cause })
  }
}

/** The client left before its request was answered: nobody is there to read an answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone'
}

/** There is no such video: never was, was deleted, or has expired. */
export function videoNotFound(id: string): Problem {
  // An id comes from the address: long ones are not repeated whole.
  return new Problem('not_found', `no video with the id ${JSON.stringify(id.slice(0, 64))} was found`, {
    param: 'video_id',
  })
}
