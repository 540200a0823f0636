import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Registry } from 'prom-client'

/** What the program says of its parts, by name; a rejection says why it cannot do its work now. */
export type Health = () => Promise<Record<string, string>>

export type AdminServerOptions = { port: number; registry: Registry; health: Health }

export type AdminServer = AsyncDisposable & { port: number }

/**
 * Serves GET /healthz (200 with what `health` says, 503 with why it rejects) and GET /metrics.
 *
 * On loopback only: whoever reaches it learns of the inside. Port 0 takes any free port, and so does one that is taken: no
 * program stays away for its metrics.
 */
export async function startAdminServer({ port, registry, health }: AdminServerOptions): Promise<AdminServer> {
  const server = createServer((req, res) => {
    answer(req.method, req.url, res, { registry, health }).catch((error: unknown) => {
      if (res.headersSent) res.destroy()
      else res.writeHead(500).end(`${String(error)}\n`)
    })
  })
  await listen(server, port).catch(async (error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error
    await listen(server, 0)
  })
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
}

async function answer(
  method: string | undefined,
  url: string | undefined,
  res: ServerResponse,
  { registry, health }: Pick<AdminServerOptions, 'registry' | 'health'>,
): Promise<void> {
  if (method !== 'GET') {
    res.writeHead(405, { allow: 'GET' }).end()
  } else if (url === '/metrics') {
    const text = await registry.metrics()
    res.writeHead(200, { 'content-type': registry.contentType }).end(text)
  } else if (url === '/healthz') {
    const { status, body } = await health().then(
      (parts) => ({ status: 200, body: { status: 'ok', ...parts } }),
      (error: unknown) => ({ status: 503, body: { status: 'failing', reason: reasonOf(error) } }),
    )
    res.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`)
  } else {
    res.writeHead(404).end()
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
