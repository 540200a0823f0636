/** `npm start`: the local stack, up until Ctrl-C. With `--watch` (`npm run dev`) programs are built and started again when their sources change. */
import { once } from 'node:events'
import { environment } from './stack/environment.js'
import type { Stack } from './stack/stack.js'
import { onTerminal } from './supervisor/terminal.js'
import { withStack } from './stack/with-stack.js'
import { build, restartOnChange } from './dev/restart-on-change.js'
import { root } from './setup/root.mjs'

await withStack({ env: environment(), show: onTerminal() }, async (stack, signal) => {
  console.log(`\n${whereEverythingIs(stack)}\n`)
  if (process.argv.includes('--watch')) void restartOnChange({ folder: root, pids: stack.pids, build, signal })
  if (!signal.aborted) await once(signal, 'abort')
})

function whereEverythingIs({
  apiUrl,
  temporalUiUrl,
  temporalAddress,
  s3ConsoleUrl,
  s3,
  metricsUrls,
  dataDir,
  logDir,
}: Stack): string {
  const rows = [
    ['API', `${apiUrl}/v1/videos`],
    ['API documentation', `${apiUrl}/docs`],
    ['Temporal web UI', temporalUiUrl ?? `(of your own Temporal at ${temporalAddress})`],
    [
      'MinIO console',
      s3ConsoleUrl
        ? `${s3ConsoleUrl}  (login: MINIO_ROOT_USER in ${dataDir}/secrets.json)`
        : `(of your own S3 at ${s3.S3_ENDPOINT})`,
    ],
    ...Object.entries(metricsUrls).map(([name, url]) => [`Metrics: ${name}`, url]),
    ['Logs', logDir],
  ]
  return [...rows.map(([name = '', place]) => `  ${name.padEnd(18)} ${place}`), '', '  Ctrl-C stops all of it'].join(
    '\n',
  )
}
