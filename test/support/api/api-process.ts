import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { TestStack } from '../test-stack.js'

const apiMain = fileURLToPath(new URL('../../../api/main.js', import.meta.url))

export type ApiProcess = AsyncDisposable & {
  url: string
  port: number
  /** SIGTERM; resolves with its exit code when it has drained. */
  drain(): Promise<number | null>
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
}

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
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal)
      await once(child, 'exit')
    }
    return child.exitCode
  }
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    drain: () => end('SIGTERM'),
    async kill() {
      await end('SIGKILL')
    },
    async [Symbol.asyncDispose]() {
      await end('SIGTERM')
    },
  }
}
