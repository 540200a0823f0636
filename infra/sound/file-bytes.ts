import type { FileHandle } from 'node:fs/promises'

/** A file that is read from anywhere, wherever it lies. `read` gives fewer bytes only where the file ends. */
export type FileBytes = { size: number; read: (start: number, end: number) => Promise<Buffer> }

export function bytesInMemory(bytes: Buffer): FileBytes {
  return { size: bytes.length, read: (start, end) => Promise.resolve(bytes.subarray(start, end)) }
}

export async function bytesOnDisk(file: FileHandle): Promise<FileBytes> {
  const { size } = await file.stat()
  return {
    size,
    async read(start, end) {
      const bytes = Buffer.alloc(Math.max(0, Math.min(end, size) - start))
      const { bytesRead } = await file.read(bytes, 0, bytes.length, start)
      return bytes.subarray(0, bytesRead)
    },
  }
}

const windowBytes = 64 * 1024

/** The same file, with small reads near one another served from one read of 64 KiB: each may be a request to S3. */
export function windowed(file: FileBytes): FileBytes {
  let at = 0
  let held: Buffer = Buffer.alloc(0)
  return {
    size: file.size,
    async read(start, end) {
      if (end - start > windowBytes) return await file.read(start, end)
      const last = Math.min(end, file.size)
      if (start < at || last > at + held.length) {
        at = start
        held = await file.read(start, Math.min(start + windowBytes, file.size))
      }
      return held.subarray(start - at, last - at)
    },
  }
}
