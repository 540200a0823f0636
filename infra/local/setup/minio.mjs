// @ts-check
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { place } from './cache.mjs'
import { runCommand } from './command.mjs'
import { folders, onPath, versions } from './parts.mjs'
import { installGo } from './python-parts.mjs'

/**
 * MinIO publishes no binaries of its community edition any more, so it is built: 2 min 45 s on two cores, once.
 * @param {(line: string) => void} say
 */
export async function buildMinio(say) {
  const go = onPath('go') ?? (await fetchedGo(say))
  await place(folders.minio, async (folder) => {
    await runCommand(go, ['install', '-trimpath', '-ldflags', '-s -w', `github.com/minio/minio@${versions.minio}`], {
      say,
      env: { CGO_ENABLED: '0', GOBIN: folder, GOFLAGS: '' },
    })
  })
}

/** @param {(line: string) => void} say */
async function fetchedGo(say) {
  const go = join(folders.go, 'bin/go')
  if (!existsSync(go)) await installGo(say)
  return go
}
