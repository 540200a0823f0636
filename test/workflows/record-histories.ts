/**
 * Writes `test/workflows/histories/*.json` from real runs: `TEST_STACK=… node dist/test/workflows/record-histories.js NAME…` those of new stories;
 * without names all of them anew, for a change of the workflow that no old video has to survive.
 * Every other change leaves the files as they are.
 */
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { openStage } from '../support/video/video-stage.js'
import { stories } from '../support/video/video-stories.js'

const folder = fileURLToPath(new URL('../../../test/workflows/histories/', import.meta.url))

const names = process.argv.slice(2)
const isMeant = (name: string) => names.length === 0 || names.includes(name)
const stage = await openStage()
await mkdir(folder, { recursive: true })
for (const [name, play] of Object.entries(stories).filter(([name]) => isMeant(name))) {
  const video = await play(stage)
  const history = historyToJSON(await video.handle.fetchHistory())
  await writeFile(`${folder}${name}.json`, `${withoutPlace(history)}\n`)
  console.log(`${name}: ${history.length} bytes`)
}

// Of some stories an activity never ends, and the workers would wait for it.
process.exit()

/** Stack traces and identities say where it was recorded, which is nobody's business and changes nothing. */
function withoutPlace(history: string): string {
  return history.replace(/("stackTrace": *)"(?:[^"\\]|\\.)*"/g, '$1""').replace(/"\d+@[^"]*"/g, '"recorded"')
}
