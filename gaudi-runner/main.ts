import { observeFreeDisk } from '../infra/files/free-disk.js'
import { requireModelDir } from '../infra/program/model-dir.js'
import { closeToOthers, ownFolder } from '../infra/files/private-folder.js'
import { aborted } from '../infra/program/or-aborted.js'
import { runProgram } from '../infra/program/program.js'
import { engineSettings, mediaSettings, runnerSettings } from '../infra/program/settings.js'
import { ownVersion } from '../infra/program/version.js'
import { rankCommand } from './ranks/rank-command.js'
import { startRunner } from './runner.js'
import { createRunnerMetrics } from './job/runner-metrics.js'

const { FFMPEG_PATH } = mediaSettings

await runProgram('runner', { ...runnerSettings, ...engineSettings, FFMPEG_PATH }, async (program) => {
  const { settings, log, registry, signal } = program
  requireModelDir(settings)
  const dir = ownFolder('RUNNER_DIR', settings.RUNNER_DIR)
  const closed = closeToOthers(dir)
  if (closed) log.warn({ event: 'closed' }, closed)
  observeFreeDisk(registry, 'runner', dir)
  await using runner = await startRunner({
    host: settings.RUNNER_HOST,
    port: settings.RUNNER_PORT,
    dir,
    engine: settings.ENGINE,
    version: ownVersion(),
    ranks: {
      ranks: settings.RANKS,
      command: await rankCommand(settings),
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
  await aborted(signal)
})
