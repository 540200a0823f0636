/** Prints what `watch` notices of the file that it is given, as JSON: as a program, since decoding would keep the sockets of whoever asks waiting. */
import { watch } from './video-content.js'

process.stdout.write(JSON.stringify(watch(process.argv[2] ?? '')))
