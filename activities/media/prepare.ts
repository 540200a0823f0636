import { Context } from '@temporalio/activity'
import { FfmpegFailed, safeInput } from '../../infra/ffmpeg/ffmpeg.js'
import { alphaDecoder, onBackground, toSdr } from '../../infra/ffmpeg/film-filters.js'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import { orderFrames, renderFps } from '../../workflows/chunk-plan.js'
import { objectKeys } from '../../workflows/object-keys.js'
import type { Film, Order, StoredFile } from '../../workflows/order.js'
import type { Size } from '../../workflows/size-buckets.js'
import type { VideoActivities } from '../../workflows/video/video-activities.js'
import { failure } from '../worker/activity-failure.js'
import { uploadFromFfmpeg } from './ffmpeg-upload.js'
import { startHeartbeats } from '../worker/heartbeats.js'

export type PrepareDependencies = { store: Pick<ObjectStore, 'upload' | 'readUrl'>; ffmpegPath: string }

const timeoutMs = 50 * 60_000
const urlSeconds = 3600

/** Makes of a reference film what the ranks read, from S3 to S3 without touching a disk. Run twice, it writes the same again. */
export function createPrepareActivities(dependencies: PrepareDependencies): Pick<VideoActivities, 'prepare'> {
  return {
    async prepare(order) {
      using _beats = startHeartbeats(2000)
      return await prepareReference(dependencies, order)
    },
  }
}

/**
 * A film is given a constant rate, square pixels and none that is see-through, no sound, and no more frames than are rendered. Of one
 * that is damaged what can be decoded is used, as players do.
 */
async function prepareReference({ store, ffmpegPath }: PrepareDependencies, order: Order): Promise<StoredFile> {
  const { reference } = order
  if (reference.kind === 'picture') throw new Error('a picture was made ready when it was accepted')
  const source = await store.readUrl(reference.key, urlSeconds)
  return await uploadFromFfmpeg({
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
  }).catch(blameInput)
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
function blameInput(error: unknown): never {
  if (error instanceof FfmpegFailed && error.reason === 'refused') {
    throw failure('reference_unreadable', 'the reference video could not be decoded', { cause: error })
  }
  throw error
}
