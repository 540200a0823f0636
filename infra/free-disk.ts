import { statfs } from 'node:fs/promises'
import { Gauge, type Registry } from 'prom-client'

/** Has the registry tell how much space is left where `path` lies, looked up at each scrape; NaN while it cannot be. */
export function observeFreeDisk(registry: Registry, folder: 'runner' | 'temp', path: string): void {
  new Gauge({
    name: 'text2video_free_disk_bytes',
    help: 'Bytes that may still be written on the disk of a folder: `runner` RUNNER_DIR, `temp` the folder for temporary files.',
    labelNames: ['folder'],
    registers: [registry],
    async collect() {
      const free = await statfs(path).then(
        ({ bavail, bsize }) => bavail * bsize,
        () => Number.NaN,
      )
      this.set({ folder }, free)
    },
  })
}
