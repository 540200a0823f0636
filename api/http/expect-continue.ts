import type { Request, Response } from 'express'

const told = new WeakSet<Request>()

/** Tells a client that waits for our word (`Expect: 100-continue`) to send its body. */
export function tellToSend(req: Request, res: Response): void {
  if (!waitsToSend(req)) return
  told.add(req)
  res.writeContinue()
}

/** Whether the client has not sent its body, since it waits for our word. */
export function waitsToSend(req: Request): boolean {
  return /^100-continue$/i.test(req.headers.expect ?? '') && !told.has(req)
}
