import { execFile } from 'node:child_process'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { RankCommand } from './rank-process.js'

export type RankSettings = {
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
  HCCL_SOCKET_IFNAME: string
  NCCL_SOCKET_IFNAME: string
}

/** The command line of one rank of a launch. The folder of the control socket is that launch's alone. */
export type CommandOfRank = (rank: number, controlPath: string) => RankCommand

/**
 * The command lines that start the ranks, a process each: nothing stands between them and the runner.
 *
 * `setpriv` makes the kernel end each with the runner, `kill -9` included; the ranks ask for the same. Where there is no
 * setpriv (macOS), they leave when the control socket closes.
 */
export async function rankCommand(settings: RankSettings): Promise<CommandOfRank> {
  const { RANKS, ENGINE, MODEL_DIR, DEVICE, PYTHON_PATH, FFMPEG_PATH } = settings
  const dieWithUs = (await hasSetpriv()) ? ['setpriv', '--pdeathsig', 'KILL'] : []
  const [command = 'env', ...launch] = [...dieWithUs, 'env']
  const environment = {
    PYTHONUNBUFFERED: '1',
    FFMPEG_PATH,
    PT_HPU_LAZY_MODE: settings.PT_HPU_LAZY_MODE,
    PT_HPU_SYNC_LAUNCH: settings.PT_HPU_SYNC_LAUNCH,
    PT_HPU_RECIPE_CACHE_CONFIG: settings.PT_HPU_RECIPE_CACHE_CONFIG.replace(/^[^,]+/, (folder) => resolve(folder)),
    HCCL_SOCKET_IFNAME: settings.HCCL_SOCKET_IFNAME,
    NCCL_SOCKET_IFNAME: settings.NCCL_SOCKET_IFNAME,
  }
  const program = ['-m', 'pipeline.ranks', '--engine', ENGINE, '--model-dir', resolve(MODEL_DIR), '--device', DEVICE]
  return (rank, controlPath) => {
    const own = { ...environment, ...rankEnvironment({ rank, ranks: RANKS, folder: dirname(controlPath) }) }
    const variables = Object.entries(own).map(([name, value]) => `${name}=${value}`)
    return {
      command,
      args: [...launch, ...variables, PYTHON_PATH, ...program, '--control', controlPath],
      cwd: ranksFolder,
    }
  }
}

/** Where the ranks' Python package lies. */
export const ranksFolder = fileURLToPath(new URL('../../../gaudi-runner/', import.meta.url))

/**
 * What any rank is started with beyond our own environment: which one it is, and where all of them meet.
 *
 * They meet in a file, `store`, in the folder of their launch: nobody else may enter it, and none of an earlier launch is
 * ever found there. gloo's sockets, over which they then speak, are on loopback.
 */
export function rankEnvironment({ rank, ranks, folder }: { rank: number; ranks: number; folder: string }) {
  return {
    RANK: String(rank),
    LOCAL_RANK: String(rank),
    WORLD_SIZE: String(ranks),
    LOCAL_WORLD_SIZE: String(ranks),
    RANKS_STORE: join(folder, 'store'),
    // torch makes folders that it leaves when it is killed, and some always: these go with the launch's.
    TMPDIR: folder,
    GLOO_SOCKET_IFNAME: process.platform === 'darwin' ? 'lo0' : 'lo',
    // The ranks together fill the machine.
    OMP_NUM_THREADS: '1',
  }
}

async function hasSetpriv(): Promise<boolean> {
  return promisify(execFile)('setpriv', ['--pdeathsig', 'KILL', 'true']).then(
    () => true,
    () => false,
  )
}
