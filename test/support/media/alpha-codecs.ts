/** What ffmpeg codes a film with that can be seen through. */
export const alphaCodecs = {
  vp8: '-c:v libvpx -pix_fmt yuva420p -auto-alt-ref 0'.split(' '),
  vp9: '-c:v libvpx-vp9 -pix_fmt yuva420p -cpu-used 8 -deadline realtime'.split(' '),
  prores: '-c:v prores_ks -profile:v 4444 -pix_fmt yuva444p10le'.split(' '),
} as const
