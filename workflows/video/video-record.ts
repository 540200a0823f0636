import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common'
import { setCurrentDetails, upsertMemo, upsertSearchAttributes } from '@temporalio/workflow'
import { currentDetails } from './current-details.js'
import { searchAttributes, videoMemoKey } from '../names.js'
import { queuedMemo } from './queued-memo.js'
import type { EndedAttempt, VideoInput, VideoMemo } from '../video.js'

const phaseKey = defineSearchAttributeKey(searchAttributes.phase, SearchAttributeType.KEYWORD)
const changedAtKey = defineSearchAttributeKey(searchAttributes.changedAt, SearchAttributeType.DATETIME)
const nodeKey = defineSearchAttributeKey(searchAttributes.node, SearchAttributeType.KEYWORD)
const errorCodeKey = defineSearchAttributeKey(searchAttributes.errorCode, SearchAttributeType.KEYWORD)

const keptAttempts = 5
/** Of what operators read; the history has it whole. */
const detailLimit = { attempt: 200, error: 1000 }

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

  /** Adds an attempt that ended early to what changes besides. */
  ended(attempt: EndedAttempt, to: Partial<VideoMemo> = {}, forget: 'node'[] = []): void {
    const { count, newest } = this.#memo.attempts ?? { count: 0, newest: [] }
    const short = { ...attempt, detail: attempt.detail.slice(0, detailLimit.attempt) }
    this.change({ ...to, attempts: { count: count + 1, newest: [...newest, short].slice(-keptAttempts) } }, forget)
  }

  /** Changes what everybody sees; `forget` names what is no longer so. */
  change(to: Partial<VideoMemo>, forget: 'node'[] = []): void {
    const memo = { ...this.#memo, ...to }
    for (const field of forget) delete memo[field]
    if (memo.error) memo.error = { ...memo.error, detail: memo.error.detail.slice(0, detailLimit.error) }
    this.#memo = memo
    upsertMemo({ [videoMemoKey]: memo })
    upsertSearchAttributes([
      { key: phaseKey, value: memo.phase },
      { key: changedAtKey, value: new Date() },
      // Left as it was when the video is on no node: where it was rendered last.
      ...(memo.node === undefined ? [] : [{ key: nodeKey, value: memo.node }]),
      ...(memo.error === undefined ? [] : [{ key: errorCodeKey, value: memo.error.code }]),
    ])
    this.now(this.#doing)
  }
}
