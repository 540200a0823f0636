import { FfmpegFailed } from '../../../infra/ffmpeg/ffmpeg.js'
import { bytesInMemory, type FileBytes } from '../../../infra/sound/file-bytes.js'
import { type HeardSound, openSound } from '../../../infra/sound/heard-sound.js'
import { analysisRate, type Voice } from '../../../workflows/order.js'
import { AnalysisSignal, type Hearing, usualHearing } from './analysis-signal.js'
import type { MediaChecking } from '../media-checking.js'
import { mediaProblem } from '../media-problem.js'
import { storedBytes } from '../stored-container.js'
import { isProtected, missingSeconds } from './missing-seconds.js'
import { Problem, unavailable } from '../../http/problems.js'
import type { StoredInput } from '../../intake/store-input.js'
import { convert, refusedCodings } from '../../intake/voice-kinds.js'

export const shortestVoiceSeconds = 0.4
const decodeMs = 120_000
const readUrlSeconds = 600

export type VoiceCheck = {
  voice: StoredInput
  /** Where the analysis signal is stored. */
  key: string
  /** Whether it may be silence, as where another person speaks. */
  maySilent: boolean
}

/**
 * Decodes a voice to its end, once, and stores what the ranks read: 16 kHz, mono, 16 bit. A voice that is broken, cut off, silent, too
 * short or too long is a Problem of `audio`, and leaves nothing behind.
 */
export async function checkVoice(check: VoiceCheck, checking: MediaChecking, signal: AbortSignal): Promise<Voice> {
  const { voice } = check
  const bytes = voice.whole ? bytesInMemory(voice.whole) : storedBytes(checking.store, voice, signal)
  const file = { key: voice.key, bytes: voice.bytes, sha256: voice.sha256 }
  const usual = await analyse(check, usualHearing, { bytes, checking, signal })
  // Few need it: sides that cancel each other out, and whispers.
  const better = usual.analysed.betterHearing()
  const { analysed, uploaded } = better ? await analyse(check, better, { bytes, checking, signal }) : usual
  const silence = analysed.isSilent ? { isSilent: true as const } : {}
  return { ...file, samples: analysed.samples, ...silence, analysis: { key: check.key, ...uploaded } }
}

type Decoding = { bytes: FileBytes; checking: MediaChecking; signal: AbortSignal }

async function analyse(check: VoiceCheck, hearing: Hearing, { bytes, checking, signal }: Decoding) {
  const { store, ffmpegPath, maxSeconds } = checking
  const address = () => store.readUrl(check.voice.key, readUrlSeconds)
  let failed: Error | undefined
  async function* wav(): AsyncIterable<Uint8Array> {
    try {
      const run = { ffmpegPath, signal, timeoutMs: decodeMs }
      const sound = await openSound({ bytes, address }, run, maxSeconds + 1)
      yield* analysed.wav(sound)
      await refuse(check, analysed, sound, { bytes, checking, signal })
    } catch (error) {
      const isLocked = error instanceof FfmpegFailed && (await isProtected(bytes))
      failed = decodingProblem(await blamed(error, storedBytes(store, check.voice, signal)), signal, isLocked) as Error
      throw failed
    }
  }
  const analysed = new AnalysisSignal(hearing)
  try {
    const { bytes: length, sha256 } = await store.upload(check.key, wav(), { contentType: 'audio/wav', signal })
    return { analysed, uploaded: { bytes: length, sha256 } }
  } catch (error) {
    signal.throwIfAborted()
    throw failed ?? unavailable('the object store', error)
  }
}

async function refuse(
  { voice, maySilent }: VoiceCheck,
  analysed: AnalysisSignal,
  sound: HeardSound,
  { bytes, checking, signal }: Decoding,
): Promise<void> {
  const seconds = analysed.samples / analysisRate
  if (analysed.samples === 0) throw refused('holds no sound')
  if (seconds > checking.maxSeconds) throw refused(`is longer than ${checking.maxSeconds} s`)
  // Before its length: whoever sent half a file should hear that, not that it is short.
  const lost = (seconds * sound.missingShare) / (1 - sound.missingShare)
  const missing = lost || (await missingSeconds(bytes, voice.extension, seconds, signal))
  if (missing > 1 && missing > 0.05 * (seconds + missing)) {
    const declared = (seconds + missing).toFixed(1)
    throw refused(`is cut off: it says that it lasts ${declared} s, and only ${seconds.toFixed(1)} s of it are there`)
  }
  if (seconds < shortestVoiceSeconds) {
    throw refused(`is ${seconds.toFixed(2)} s long; the least is ${shortestVoiceSeconds} s`)
  }
  if (analysed.isSilent && !maySilent) {
    throw refused(
      'is silent: its loudest sample stays below -60 dBFS; a person who only listens is possible with audio_type=para, beside one who speaks',
    )
  }
}

/**
 * A harmed file can end with an "Input/output error" of its demuxer's (Matroska, in 1 of some hundred), which else tells that the
 * store has gone. The store's own errors name their protocol, and a store that has gone does not answer.
 */
async function blamed(error: unknown, stored: FileBytes): Promise<unknown> {
  if (!(error instanceof FfmpegFailed) || error.reason !== 'interrupted' || error.exitCode === null) return error
  if (!/Input\/output error/.test(error.stderrTail) || /^\[(?:https?|tcp|tls) @/m.test(error.stderrTail)) return error
  await stored.read(0, 1)
  return new FfmpegFailed('refused', error.exitCode, error.stderrTail)
}

function decodingProblem(error: unknown, signal: AbortSignal, isLocked: boolean): unknown {
  return mediaProblem(error, signal, () => {
    if (isLocked)
      return refused("is protected (DRM): only its owner's programs can open it; send a copy without protection")
    const said = error instanceof FfmpegFailed ? error.stderrTail : ''
    if (/matches no streams/.test(said)) return refused('holds no sound: there is no sound track in it')
    const coding = /^\[(\w+) @ [^\]]*\] Codec \(\w+\) not on whitelist/m.exec(said)?.[1]
    const name = coding === undefined ? undefined : refusedCodings.get(coding)
    if (name !== undefined) return refused(`is ${name}, which is not taken; ${convert}`)
    if (coding !== undefined || /Decoder \S+ not found|Unknown decoder|none\) ?$/im.test(said)) {
      return refused(`has a coding that is not taken; ${convert}`)
    }
    return refused('cannot be decoded: it is broken or cut off', error)
  })
}

function refused(what: string, cause?: unknown): Problem {
  return new Problem('invalid_file', `the sound in 'audio' ${what}`, { param: 'audio', cause })
}
