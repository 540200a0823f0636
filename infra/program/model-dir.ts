import { existsSync } from 'node:fs'
import { BadSettings, shown } from './settings.js'

/** Throws `BadSettings` where InfiniteTalk has no folder to read. What is in it is for the ranks to judge. */
export function requireModelDir({ ENGINE, MODEL_DIR }: { ENGINE: string; MODEL_DIR: string }): void {
  if (ENGINE !== 'infinitetalk' || existsSync(MODEL_DIR)) return
  const value = shown('MODEL_DIR', MODEL_DIR)
  throw new BadSettings(`MODEL_DIR=${value}: there is no such folder, and ENGINE=infinitetalk reads its weights there`)
}
