/**
 * Draws `single/ref_image.png` and `multi/ref_img.png`.
 * Run from the repository root: `node examples/make/pictures.mjs`.
 */
import sharp from 'sharp'
import { conversation, studio } from './scenes.mjs'

const examples = new URL('../', import.meta.url).pathname

/** Twice the size first, then halved: single hairs become smooth. */
async function draw(svg, width, file) {
  const large = await sharp(Buffer.from(svg), { density: 144 }).png().toBuffer()
  await sharp(large).resize({ width }).flatten().png({ compressionLevel: 9 }).toFile(`${examples}${file}`)
  console.log(`drew ${file}`)
}

await draw(studio(), 1024, 'single/ref_image.png')
await draw(conversation(), 1216, 'multi/ref_img.png')
