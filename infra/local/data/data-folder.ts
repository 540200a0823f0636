import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isAlive } from '../../program/is-alive.js'
import { closeToOthers, ownFolder } from '../../files/private-folder.js'
import { commandOf } from '../../program/port-holder.js'
import { type BucketKeys, readSecrets, type RootKeys } from './secrets.js'

/** The folder is held by a stack that runs. */
export class DataInUse extends Error {}

/** The stack's data on disk: databases, objects, logs, secrets. One stack at a time, and one user's alone. */
export class DataFolder implements Disposable {
  readonly path: string
  readonly logDir: string
  /** What of an older folder was closed to other users, in a sentence. */
  readonly mended: string | undefined
  readonly #holder: string

  /**
   * Throws `DataInUse` while another stack holds it: two servers on one database would destroy it; and `BadSettings` where
   * it cannot be kept from other users.
   */
  constructor(path: string) {
    this.path = ownFolder('DATA_DIR', path)
    this.logDir = join(this.path, 'logs')
    this.#holder = join(this.path, 'stack.pid')
    const pid = existsSync(this.#holder) ? Number(readFileSync(this.#holder, 'utf8')) : 0
    if (pid > 0 && pid !== process.pid && isAlive(pid)) {
      const command = commandOf(pid)
      throw new DataInUse(
        `another stack (pid ${pid}${command && `: ${command}`}) uses ${this.path}:\n` +
          `end it with \`kill ${pid}\`, or set DATA_DIR to another folder.\n` +
          `If process ${pid} is something else, remove ${this.#holder}.`,
      )
    }
    this.mended = closeToOthers(this.path)
    mkdirSync(this.logDir, { recursive: true, mode: 0o700 })
    writeFileSync(this.#holder, String(process.pid), { mode: 0o600 })
  }

  /** The keys of the MinIO whose objects lie here. */
  secrets(): { root: RootKeys; bucket: BucketKeys } {
    return readSecrets(join(this.path, 'secrets.json'))
  }

  [Symbol.dispose](): void {
    rmSync(this.#holder, { force: true })
  }
}
