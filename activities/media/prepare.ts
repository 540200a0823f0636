import { Context } from '@temporalio/activity'
import { FfmpegFailed, safeInput } from '../../infra/ffmpeg/ffmpeg.js'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import { orderFrames, renderFps } from '../../workflows/chunk-plan.js'
import { objectKeys } from '../../workflows/object-keys.js'
import type { Order, StoredFile } from '../../workflows/order.js'
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

/** A constant rate, no sound, and no more frames than are rendered. */
async function prepareReference({ store, ffmpegPath }: PrepareDependencies, order: Order): Promise<StoredFile> {
  const source = await store.readUrl(order.reference.key, urlSeconds)
  // setpts: a track that starts late would begin with copies of its first frame. scale: square pixels, as the ranks count them and
  // as the API counted the reference's size; 4:2:0 needs even sides.
  const square = `scale='trunc(max(iw,iw*sar)/2)*2':'trunc(max(ih,ih/sar)/2)*2',setsar=1`
  const filter = `setpts=PTS-STARTPTS,fps=${renderFps(order.parameters.fps)},${square}`
  return await uploadFromFfmpeg({
    store,
    key: objectKeys.preparedReference(order.videoId, 'mp4'),
    contentType: 'video/mp4',
    signal: Context.current().cancellationSignal,
    run: {
      ffmpegPath,
      timeoutMs,
      args: [
        ...safeInput(source, 'video'),
        ...['-map', '0:v:0', '-an', '-sn', '-dn', '-map_metadata', '-1', '-vf', filter],
        ...['-frames:v', String(orderFrames(order))],
        ...['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '10', '-pix_fmt', 'yuv420p'],
        // Fragmented: a pipe cannot be rewound to write the index.
        ...['-movflags', '+frag_keyframe+empty_moov+default_base_moof', '-f', 'mp4', 'pipe:1'],
      ],
    },
  }).catch(blameInput)
}

/** What ffmpeg refuses here was decoded once when it was accepted; still, its owner is the one who can mend it. */
function blameInput(error: unknown): never {
  if (error instanceof FfmpegFailed && error.reason === 'refused') {
    throw failure('reference_unreadable', 'the reference video could not be decoded', { cause: error })
  }
  throw error
}
