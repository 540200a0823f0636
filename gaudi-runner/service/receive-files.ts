import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { FileHeader__Output as FileHeader } from '../generated/text2video/runner/v1/FileHeader.js'
import type { SubmitPart__Output as SubmitPart } from '../generated/text2video/runner/v1/SubmitPart.js'
import type { KeptFile } from '../job/job-record.js'
import { invalid } from '../contract/rpc-error.js'

const MiB = 1024 * 1024

/** What a file is called in the job's folder, and how large it may be. */
const roles = {
  REFERENCE: { name: 'reference', limitBytes: 2048 * MiB },
  VOICE_1: { name: 'voice-1.wav', limitBytes: 200_000_000 },
  VOICE_2: { name: 'voice-2.wav', limitBytes: 200_000_000 },
  CHECKPOINT: { name: 'checkpoint', limitBytes: 64 * MiB },
} as const

type Role = keyof typeof roles

/**
 * Writes the files of a submission into `folder` while they arrive; returns them when they are on disk. Throws INVALID_ARGUMENT as soon as one is too large,
 * not what its header says, sent twice, missing, or not asked for by the order.
 */
export async function receiveFiles(
  nextPart: () => Promise<SubmitPart | undefined>,
  folder: string,
  firstChunk: number,
): Promise<KeptFile[]> {
  const received = new Set<Role>()
  const files: KeptFile[] = []
  let part = await nextPart()
  while (part) {
    if (part.part !== 'file' || !part.file) throw invalid(`a file's header must come before ${part.part ?? 'nothing'}`)
    const { role, bytes, sha256 } = part.file
    if (received.has(role)) throw invalid(`${role} came twice`)
    received.add(role)
    part = await receiveFile(part.file, folder, nextPart)
    files.push({ name: roles[role].name, bytes, sha256 })
  }
  checkRoles(received, firstChunk)
  return files
}

/** Returns the part after the file's last bytes. */
async function receiveFile(
  { role, bytes, sha256 }: FileHeader,
  folder: string,
  nextPart: () => Promise<SubmitPart | undefined>,
): Promise<SubmitPart | undefined> {
  const { name, limitBytes } = roles[role]
  if (bytes < 1 || bytes > limitBytes) throw invalid(`${role}: ${bytes} bytes; 1 to ${limitBytes} are taken`)
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw invalid(`${role}: its sha256 is not one`)
  const file = await open(join(folder, name), 'wx', 0o600)
  try {
    const hash = createHash('sha256')
    let part = await nextPart()
    let received = 0
    for (; part?.part === 'data' && part.data; part = await nextPart()) {
      received += part.data.length
      if (received > bytes) throw invalid(`${role}: more than the ${bytes} bytes that were announced`)
      hash.update(part.data)
      await writeAll(file, part.data)
    }
    if (received < bytes) throw invalid(`${role}: ${received} of the ${bytes} bytes that were announced`)
    if (hash.digest('hex') !== sha256) throw invalid(`${role}: its bytes do not have the sha256 that was announced`)
    await file.sync() // an accepted job outlives a power cut
    return part
  } finally {
    await file.close()
  }
}

async function writeAll(file: FileHandle, data: Buffer): Promise<void> {
  for (let at = 0; at < data.length; ) at += (await file.write(data, at)).bytesWritten
}

function checkRoles(received: ReadonlySet<Role>, firstChunk: number): void {
  for (const role of ['REFERENCE', 'VOICE_1'] as const) {
    if (!received.has(role)) throw invalid(`${role} is missing`)
  }
  if (firstChunk > 0 && !received.has('CHECKPOINT'))
    throw invalid(`CHECKPOINT of chunk ${firstChunk - 1} is missing, which first_chunk ${firstChunk} needs`)
  if (firstChunk === 0 && received.has('CHECKPOINT')) throw invalid('CHECKPOINT came with first_chunk 0')
}
