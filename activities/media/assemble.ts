import { Context } from '@temporalio/activity'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { runFfmpeg } from '../../infra/ffmpeg/ffmpeg.js'
import { tempFolder } from '../../infra/files/temp-folder.js'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import { framesOf, orderFrames, orderSamples, renderFps } from '../../workflows/chunk-plan.js'
import { objectKeys } from '../../workflows/object-keys.js'
import { analysisRate, type Order } from '../../workflows/order.js'
import type { VideoFile } from '../../workflows/video.js'
import type { Rendered, VideoActivities } from '../../workflows/video/video-activities.js'
import { checkFile } from './check-file.js'
import { type ClosingClip, fitClosingClip } from './closing-clip.js'
import { failure } from '../worker/activity-failure.js'
import { startHeartbeats } from '../worker/heartbeats.js'
import { pictureOptions } from './picture-track.js'
import { downloadSegment } from './download-segment.js'
import { soundFilter, soundRate } from './sound-filter.js'
import { trackInput, type VoiceTrack, voiceTrack } from './voice-track.js'

export type AssembleDependencies = {
  store: Pick<ObjectStore, 'get' | 'read' | 'removeAll' | 'upload'>
  ffmpegPath: string
  /** Appended to videos ordered with `logo`. */
  closingClipPath: string
}

const timeoutMs = 100 * 60_000

/** Makes the finished file of the chunks and the uploaded sound, checks it, and stores it. Run twice, it does so again. */
export function createAssembleActivities(dependencies: AssembleDependencies): Pick<VideoActivities, 'assemble'> {
  return { assemble: (order, rendered) => assemble(dependencies, order, rendered) }
}

async function assemble(
  { store, ffmpegPath, closingClipPath }: AssembleDependencies,
  order: Order,
  rendered: Rendered,
): Promise<VideoFile> {
  const signal = Context.current().cancellationSignal
  using _beats = startHeartbeats(2000)
  if (rendered.frames !== orderFrames(order)) {
    throw failure('bad_output', `${rendered.frames} frames were rendered instead of ${orderFrames(order)}`)
  }
  await using folder = tempFolder('media')
  const run = { ffmpegPath, signal, timeoutMs }
  const at = (name: string) => join(folder.path, name)

  const { width, height } = order
  const { fps, logo_video } = order.parameters
  const segments: string[] = []
  for (const [chunk, generation] of rendered.lineage.entries()) {
    segments.push(await downloadSegment(store, { videoId: order.videoId, chunk, generation }, at(`chunk-${chunk}.mp4`)))
  }
  const voices: VoiceTrack[] = []
  for (const [i, voice] of order.voices.entries()) voices.push(await voiceTrack(store, voice, at(`voice-${i}`), run))
  const closing = logo_video
    ? await fitClosingClip(closingClipPath, { width, height, fps }, { ...run, folder: folder.path })
    : undefined

  const expected = expectedFile(order, closing)
  const path = at('output.mp4')
  await runFfmpeg({ ...run, args: await assemblyArgs(order, { segments, voices, closing, path, folder: folder.path }) })
  await checkFile(path, expected, run)
  const { bytes, sha256 } = await store.upload(objectKeys.output(order.videoId), createReadStream(path), {
    contentType: 'video/mp4',
    signal,
  })
  return { bytes, sha256, frames: expected.frames, seconds: expected.frames / fps }
}

type Parts = {
  segments: string[]
  voices: VoiceTrack[]
  closing: ClosingClip | undefined
  path: string
  folder: string
}

/** One run of ffmpeg: the picture copied or converted, the sound encoded once, the index in front. */
async function assemblyArgs(order: Order, { segments, voices, closing, path, folder }: Parts): Promise<string[]> {
  const picture = await pictureOptions({
    segments,
    renderFps: renderFps(order.parameters.fps),
    fps: order.parameters.fps,
    frames: chunkFramesOf(order),
    closing: closing?.path,
    folder,
  })
  const sound = soundFilter(order, picture.count, silenceOf(order, closing))
  return [
    ...picture.inputs,
    ...voices.flatMap(trackInput),
    ...['-filter_complex', picture.filter ? `${picture.filter};${sound}` : sound],
    ...['-map', picture.map, '-map', '[sound]', '-map_metadata', '-1'],
    ...picture.codec,
    ...['-video_track_timescale', String(order.parameters.fps * 512)],
    ...['-c:a', 'aac', '-b:a', '192k', '-movflags', '+faststart', '-f', 'mp4', '-y', `file:${path}`],
  ]
}

function expectedFile(order: Order, closing: ClosingClip | undefined) {
  const { width, height } = order
  const { fps } = order.parameters
  const frames = chunkFramesOf(order) + (closing?.frames ?? 0)
  const sound = (orderSamples(order) * soundRate) / analysisRate + silenceOf(order, closing)
  return { width, height, fps, frames, soundSamples: sound }
}

/** Frames of the picture before the closing clip, at the asked rate. */
const chunkFramesOf = (order: Order): number => framesOf(orderSamples(order), order.parameters.fps)

const silenceOf = (order: Order, closing: ClosingClip | undefined): number =>
  Math.round(((closing?.frames ?? 0) * soundRate) / order.parameters.fps)
