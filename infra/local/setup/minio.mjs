// @ts-check
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { place } from './cache.mjs'
import { runCommand } from './command.mjs'
import { folders, onPath, versions } from './parts.mjs'
import { installGo } from './python-parts.mjs'

/**
 * MinIO publishes no binaries of its community edition any more, so it is built, once. The compiler collects its garbage less often
 * than is usual: 319 s of CPU in place of 395, 1.8 GB in place of 1.6 (measured, two busy cores, downloads included in the 395).
 * @param {(line: string) => void} say
 */
export async function buildMinio(say) {
  const go = onPath('go') ?? (await fetchedGo(say))
  await place(folders.minio, async (folder) => {
    const step = goStep()
    const flags = ['-v', '-trimpath', '-ldflags', '-s -w']
    await runCommand(go, ['install', ...flags, `github.com/minio/minio@${versions.minio}`], {
      say: (line) => say(step(line)),
      env: { CGO_ENABLED: '0', GOBIN: folder, GOFLAGS: '', GOGC: '400', GOMEMLIMIT: '2GiB' },
    })
  })
}

/**
 * Says what `go install -v` is doing, from each line of its output: modules first, then every package that it begins to compile,
 * which takes nearly all of the time.
 * @returns {(line: string) => string}
 */
export function goStep() {
  let packages = 0
  return (line) => {
    const [, module] = /^go: downloading (\S+)/.exec(line) ?? []
    if (module !== undefined) return `downloading ${module}`
    packages += 1
    return `compiling, ${packages} packages so far: ${line}`
  }
}

/** @param {(line: string) => void} say */
async function fetchedGo(say) {
  const go = join(folders.go, 'bin/go')
  if (!existsSync(go)) await installGo(say)
  return go
}
