import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { TestStack } from './stack.js'

const apiMain = fileURLToPath(new URL('../api/main.js', import.meta.url))

export type ApiProcess = AsyncDisposable & { url: string; port: number }

/** A second API on the stack, as a process of its own with settings of its own; resolves when it is ready. */
export async function startApiProcess(stack: TestStack, settings: Record<string, string>): Promise<ApiProcess> {
  const child = spawn(process.execPath, [apiMain], {
    env: {
      ...process.env,
      ...stack.s3,
      TEMPORAL_ADDRESS: stack.temporalAddress,
      TEMPORAL_NAMESPACE: stack.namespace,
      FFMPEG_PATH: stack.ffmpegPath,
      API_PORT: '0',
      METRICS_PORT: '0',
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const port = await new Promise<number>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the API ended with ${code}`)))
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { event, port: own } = JSON.parse(line) as { event?: string; port?: number }
      if (event === 'ready' && own !== undefined) resolve(own)
    })
  })
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}
