import { once } from 'node:events'
import { observeFreeDisk } from '../infra/free-disk.js'
import { requireModelDir } from '../infra/model-dir.js'
import { runProgram } from '../infra/program.js'
import { mediaSettings, runnerSettings } from '../infra/settings.js'
import { ownVersion } from '../infra/version.js'
import { torchrunCommand } from './rank-command.js'
import { startRunner } from './runner.js'
import { createRunnerMetrics } from './runner-metrics.js'

const { FFMPEG_PATH } = mediaSettings

await runProgram('runner', { ...runnerSettings, FFMPEG_PATH }, async (program) => {
  const { settings, log, registry, signal } = program
  requireModelDir(settings)
  observeFreeDisk(registry, 'runner', settings.RUNNER_DIR)
  await using runner = await startRunner({
    host: settings.RUNNER_HOST,
    port: settings.RUNNER_PORT,
    dir: settings.RUNNER_DIR,
    engine: settings.ENGINE,
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
