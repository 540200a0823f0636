import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { runProgram } from '../infra/program.js'
import { BadSettings, engineSettings, mediaSettings, runnerSettings } from '../infra/settings.js'
import { torchrunCommand } from './rank-command.js'
import { startRunner } from './runner.js'
import { createRunnerMetrics } from './runner-metrics.js'

const { FFMPEG_PATH } = mediaSettings

await runProgram('runner', { ...runnerSettings, ...engineSettings, FFMPEG_PATH }, async (program) => {
  const { settings, log, registry, signal } = program
  const { ENGINE, MODEL_DIR } = settings
  // What is in the folder is for the ranks to judge; they refuse to start with all that is wrong.
  if (ENGINE === 'infinitetalk' && !existsSync(MODEL_DIR)) {
    throw new BadSettings(
      `MODEL_DIR=${MODEL_DIR}: there is no such folder, and ENGINE=infinitetalk reads its weights there`,
    )
  }
  await using runner = await startRunner({
    host: settings.RUNNER_HOST,
    port: settings.RUNNER_PORT,
    dir: settings.RUNNER_DIR,
    engine: ENGINE,
    version: ownVersion(),
    ranks: {
      ranks: settings.RANKS,
      command: await torchrunCommand(settings),
      stallMs: settings.RANK_STALL_SECONDS * 1000,
      startMs: 30 * 60_000,
      graceMs: 10_000,
    },
    orphanMs: settings.RUNNER_ORPHAN_MINUTES * 60_000,
    idleMs: 60_000,
    metrics: createRunnerMetrics(registry),
    log,
  })
  program.health = runner.health
  log.info({ event: 'listening', port: runner.port }, 'the ranks are coming up')
  if (!signal.aborted) await once(signal, 'abort')
})

function ownVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return (manifest as { version: string }).version
}
