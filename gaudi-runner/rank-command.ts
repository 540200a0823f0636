import { execFile } from 'node:child_process'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { RankCommand } from './rank-process.js'

export type TorchrunSettings = {
  RANKS: number
  ENGINE: string
  /** Looked at by InfiniteTalk alone; relative to the runner's own folder. */
  MODEL_DIR: string
  DEVICE: string
  PYTHON_PATH: string
  FFMPEG_PATH: string
  /** Read by Gaudi's PyTorch while it is imported, which is too early for the ranks to set them. */
  PT_HPU_LAZY_MODE: string
  PT_HPU_SYNC_LAUNCH: string
  /** Its folder is relative to the runner's own. */
  PT_HPU_RECIPE_CACHE_CONFIG: string
}

/**
 * The command line that starts the ranks: `torchrun` with one launch and no restarts, since restarting is ours.
 *
 * Its rendezvous takes a port of the system's choice on loopback, so that a stale torchrun cannot be in the way
 * (facts: EADDRINUSE on 29500). `setpriv` makes the kernel end torchrun with the runner, `kill -9` included; the ranks ask
 * for the same. Where there is no setpriv (macOS), they leave when the control socket closes.
 */
export async function torchrunCommand(settings: TorchrunSettings): Promise<(controlPath: string) => RankCommand> {
  const { RANKS, ENGINE, MODEL_DIR, DEVICE, PYTHON_PATH, FFMPEG_PATH } = settings
  const dieWithUs = (await hasSetpriv()) ? ['setpriv', '--pdeathsig', 'KILL'] : []
  const [command = 'env', ...launch] = [...dieWithUs, 'env']
  const torchrun = [
    // What ranks need beyond our own environment. One thread each: the ranks together fill the machine.
    ...['OMP_NUM_THREADS=1', 'PYTHONUNBUFFERED=1', `FFMPEG_PATH=${FFMPEG_PATH}`],
    `PT_HPU_LAZY_MODE=${settings.PT_HPU_LAZY_MODE}`,
    `PT_HPU_SYNC_LAUNCH=${settings.PT_HPU_SYNC_LAUNCH}`,
    `PT_HPU_RECIPE_CACHE_CONFIG=${settings.PT_HPU_RECIPE_CACHE_CONFIG.replace(/^[^,]+/, (folder) => resolve(folder))}`,
    ...[PYTHON_PATH, '-m', 'torch.distributed.run', '--nnodes=1', `--nproc-per-node=${RANKS}`, '--max-restarts=0'],
    ...['--rdzv-backend=c10d', '--rdzv-endpoint=127.0.0.1:0', '--local-addr=127.0.0.1'],
  ]
  const ranks = ['-m', 'pipeline.ranks', '--engine', ENGINE, '--model-dir', resolve(MODEL_DIR), '--device', DEVICE]
  const cwd = fileURLToPath(new URL('../../gaudi-runner/', import.meta.url))
  return (controlPath) => {
    // torchrun and torch make folders that they leave when they are killed, and some always: these go with the socket's.
    const folder = dirname(controlPath)
    const logs = `--log-dir=${join(folder, 'torchrun')}`
    return {
      command,
      args: [...launch, `TMPDIR=${folder}`, ...torchrun, logs, ...ranks, '--control', controlPath],
      cwd,
    }
  }
}

async function hasSetpriv(): Promise<boolean> {
  return promisify(execFile)('setpriv', ['--pdeathsig', 'KILL', 'true']).then(
    () => true,
    () => false,
  )
}
