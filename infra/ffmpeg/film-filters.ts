/** How a film's picture is decoded and filtered: options before its input, and parts of ffmpeg's `-vf`. */

export type HdrTransfer = 'pq' | 'hlg'

const transfers = { pq: 'smpte2084', hlg: 'arib-std-b67' } as const

/**
 * From HDR to SDR. Diffuse white of 203 cd/m² (ITU-R BT.2408) becomes 214 of 255, a face in its light (26 cd/m²) 108, and what is brighter is
 * compressed: with `hable`, which is often seen, the face is at 72. Needs an ffmpeg with zscale; the one that set-up brings has it.
 */
export function toSdr(transfer: HdrTransfer): string[] {
  return [
    // Where the container alone says it, frames may come without.
    `setparams=color_primaries=bt2020:color_trc=${transfers[transfer]}:colorspace=bt2020nc`,
    'zscale=t=linear:npl=203',
    'format=gbrpf32le',
    'zscale=p=bt709',
    'tonemap=mobius:param=0.3:desat=0',
    'zscale=t=bt709:m=bt709:r=tv',
    'format=yuv420p',
  ]
}

/** A colour, `#rrggbb`, behind the see-through pixels of a film whose alpha is not multiplied into its colours. */
export function onBackground(colour: string): string[] {
  return [
    'format=rgba',
    `split[seen][under];[under]drawbox=color=${colour.replace('#', '0x')}:thickness=fill:replace=1[colour];[colour][seen]overlay=format=rgb`,
  ]
}

/** The decoder that gives a film's alpha, where it is not ffmpeg's own. */
export function alphaDecoder(decoder: 'libvpx' | 'libvpx-vp9' | 'native' | undefined): string[] {
  return decoder === undefined || decoder === 'native' ? [] : ['-c:v', decoder]
}
