import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { isAlive } from '../is-alive.js'

/** Credentials of the local MinIO: made once, kept with the data, readable by the owner alone. */
export type Secrets = { S3_ACCESS_KEY: string; S3_SECRET_KEY: string }

/** The folder is held by a stack that runs. */
export class DataInUse extends Error {}

/** The stack's data on disk: databases, logs, secrets. One stack at a time. */
export class DataFolder implements Disposable {
  readonly path: string
  readonly logDir: string
  readonly #holder: string

  /** Throws `DataInUse` while another stack holds it: two servers on one database would destroy it. */
  constructor(path: string) {
    this.path = resolve(path)
    this.logDir = join(this.path, 'logs')
    this.#holder = join(this.path, 'stack.pid')
    mkdirSync(this.logDir, { recursive: true })
    const pid = existsSync(this.#holder) ? Number(readFileSync(this.#holder, 'utf8')) : 0
    if (pid > 0 && pid !== process.pid && isAlive(pid)) {
      throw new DataInUse(
        `another stack (pid ${pid}) uses ${this.path}: stop it, or set DATA_DIR to another folder.\n` +
          `If process ${pid} is something else, remove ${this.#holder}.`,
      )
    }
    writeFileSync(this.#holder, String(process.pid))
  }

  secrets(): Secrets {
    const file = join(this.path, 'secrets.json')
    if (!existsSync(file)) {
      const fresh: Secrets = {
        S3_ACCESS_KEY: `t2v${randomBytes(8).toString('hex')}`,
        S3_SECRET_KEY: randomBytes(20).toString('hex'),
      }
      writeFileSync(file, `${JSON.stringify(fresh, null, 2)}\n`, { mode: 0o600 })
    }
    return JSON.parse(readFileSync(file, 'utf8')) as Secrets
  }

  [Symbol.dispose](): void {
    rmSync(this.#holder, { force: true })
  }
}
