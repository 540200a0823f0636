import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'
import { setCurrentDetails, upsertMemo, upsertSearchAttributes } from '@temporalio/workflow'
import { currentDetails } from './current-details.js'
import { searchAttributes, videoMemoKey } from './names.js'
import { queuedMemo } from './queued-memo.js'
import type { VideoInput, VideoMemo } from './video.js'

const phaseKey = defineSearchAttributeKey(searchAttributes.phase, SearchAttributeType.KEYWORD)
const changedAtKey = defineSearchAttributeKey(searchAttributes.changedAt, SearchAttributeType.DATETIME)

/**
 * The video as others see it. The one place that writes memo, search attributes and the web UI's details, so that they
 * never disagree. It begins as what the API started the workflow with: `queuedMemo` and phase `queued`.
 */
export class VideoRecord {
  readonly #input: VideoInput
  #memo: VideoMemo
  #doing = 'accepted'

  constructor(input: VideoInput) {
    this.#input = input
    this.#memo = queuedMemo(input)
  }

  get memo(): VideoMemo {
    return this.#memo
  }

  /** Says in the web UI what is done now; nobody else learns of it. */
  now(doing: string): void {
    this.#doing = doing
    setCurrentDetails(currentDetails(this.#input.order, this.#memo, doing))
  }

  /** Changes what everybody sees; `forget` names what is no longer so. */
  change(to: Partial<VideoMemo>, forget: 'node'[] = []): void {
    const memo = { ...this.#memo, ...to }
    for (const field of forget) delete memo[field]
    this.#memo = memo
    upsertMemo({ [videoMemoKey]: memo })
    upsertSearchAttributes([
      { key: phaseKey, value: memo.phase },
      { key: changedAtKey, value: new Date() },
    ])
    this.now(this.#doing)
  }
}
