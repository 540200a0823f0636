import { Context } from '@temporalio/activity'
import { FfmpegFailed, rawMono, safeInput } from '../../infra/ffmpeg/ffmpeg.js'
import { alphaDecoder, onBackground, toSdr } from '../../infra/ffmpeg/film-filters.js'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import { orderFrames, renderFps } from '../../workflows/chunk-plan.js'
import type { FailureCode } from '../../workflows/failures.js'
import { objectKeys } from '../../workflows/object-keys.js'
import { analysisRate, type Film, type Order, type StoredFile, type Voice } from '../../workflows/order.js'
import type { Size } from '../../workflows/size-buckets.js'
import type { Prepared, VideoActivities } from '../../workflows/video/video-activities.js'
import { failure } from '../worker/activity-failure.js'
import { uploadFromFfmpeg } from './ffmpeg-upload.js'
import { startHeartbeats } from '../worker/heartbeats.js'
import { wavHeader } from './wav-header.js'

export type PrepareDependencies = { store: Pick<ObjectStore, 'upload' | 'readUrl'>; ffmpegPath: string }

const timeoutMs = 50 * 60_000
const urlSeconds = 3600

/** Makes of the uploads what the ranks read, from S3 to S3 without touching a disk. Run twice, it writes the same again. */
export function createPrepareActivities(dependencies: PrepareDependencies): Pick<VideoActivities, 'prepare'> {
  return {
    async prepare(order): Promise<Prepared> {
      using _beats = startHeartbeats(2000)
      const voices: StoredFile[] = []
      for (const [index, voice] of order.voices.entries())
        voices.push(await prepareVoice(dependencies, order, voice, index))
      return { reference: await prepareReference(dependencies, order), voices }
    },
  }
}

/** 16 kHz, mono, 16 bit: decoded as the order's samples were counted, so the count must come out the same. */
async function prepareVoice(
  { store, ffmpegPath }: PrepareDependencies,
  order: Order,
  voice: Voice,
  index: number,
): Promise<StoredFile> {
  const name = `voice ${index + 1}`
  async function* wav(pcm: AsyncIterable<Buffer>): AsyncIterable<Uint8Array> {
    yield wavHeader(voice.samples)
    let bytes = 0
    for await (const piece of pcm) {
      bytes += piece.length
      yield piece
    }
    if (bytes === voice.samples * 2) return
    throw failure(
      'bad_output',
      `${name} has ${bytes / 2} samples, but ${voice.samples} were counted when it was accepted`,
    )
  }
  const source = await store.readUrl(voice.key, urlSeconds)
  return await uploadFromFfmpeg({
    store,
    key: objectKeys.preparedVoice(order.videoId, index),
    contentType: 'audio/wav',
    signal: Context.current().cancellationSignal,
    through: wav,
    run: {
      ffmpegPath,
      timeoutMs,
      args: [...safeInput(source, 'audio'), ...rawMono(analysisRate)],
    },
  }).catch(blameInput('voice_unreadable', name))
}

/**
 * A picture was made when it was accepted. A film is given a constant rate, square pixels and none that is see-through, no sound, and no more
 * frames than are rendered. Of one that is damaged what can be decoded is used, as players do.
 */
async function prepareReference(
  { store, ffmpegPath }: PrepareDependencies,
  order: Order,
): Promise<Prepared['reference']> {
  const { reference } = order
  const { kind, key, bytes, sha256 } = reference
  if (reference.kind === 'picture') return { kind, key, bytes, sha256 }
  const source = await store.readUrl(key, urlSeconds)
  const made = await uploadFromFfmpeg({
    store,
    key: objectKeys.preparedReference(order.videoId, 'mp4'),
    contentType: 'video/mp4',
    signal: Context.current().cancellationSignal,
    run: {
      ffmpegPath,
      timeoutMs,
      args: [
        ...alphaDecoder(reference.seeThrough),
        ...safeInput(source, 'video'),
        // V: without pictures that are attached to the file.
        ...['-map', '0:V:0', '-an', '-sn', '-dn', '-map_metadata', '-1', '-max_error_rate', '1'],
        ...['-vf', filmFilter(order, reference)],
        // Once more at that rate: a film whose size changes goes through new filters each time, which leave a gap of a frame.
        ...['-fps_mode', 'cfr', '-r', String(renderFps(order.parameters.fps)), '-frames:v', String(orderFrames(order))],
        ...['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '10', '-pix_fmt', 'yuv420p'],
        // Fragmented: a pipe cannot be rewound to write the index.
        ...['-movflags', '+frag_keyframe+empty_moov+default_base_moof', '-f', 'mp4', 'pipe:1'],
      ],
    },
  }).catch(blameInput('reference_unreadable', 'the reference video'))
  return { kind, ...made }
}

/** Every picture of a film to the size and the time that its first one was accepted with, also where its size changes midway. */
function filmFilter({ parameters }: Order, { width, height, start, hdr, seeThrough }: Film & Size): string {
  return [
    // A track that starts late would begin with copies of its first frame. A number: STARTPTS begins anew when the size changes.
    `setpts=PTS-${start ?? 0}/TB`,
    `fps=${renderFps(parameters.fps)}`,
    ...(hdr === undefined || hdr === 'unmapped' ? [] : toSdr(hdr)),
    `scale=${width}:${height}`,
    'setsar=1',
    ...(seeThrough === undefined ? [] : onBackground(parameters.background)),
  ].join(',')
}

/** What ffmpeg refuses here was decoded once when it was accepted; still, its owner is the one who can mend it. */
function blameInput(code: FailureCode, name: string): (error: unknown) => never {
  return (error) => {
    if (error instanceof FfmpegFailed && error.reason === 'refused') {
      throw failure(code, `${name} could not be decoded`, { cause: error })
    }
    throw error
  }
}
