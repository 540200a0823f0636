import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import type { Client } from '@temporalio/client'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ObjectStore } from '../../infra/s3/object-store.js'
import { createS3Client, type S3Address } from '../../infra/s3/s3-client.js'
import type { FailureCode } from '../../workflows/failures.js'
import { ofOpenVideos } from '../../workflows/names.js'
import { objectKeys } from '../../workflows/object-keys.js'
import type { VideoActivities } from '../../workflows/video/video-activities.js'
import { type ChaosStack, nodes } from './stack.js'
import type { ChaosUsers, ChaosVideo } from './users.js'

/** What a video came to where nothing disturbed it. */
export type Twin = { sha256: string; keys: string[] }

export type Looking = { store: ObjectStore; client: Client; s3: S3Address }

/** The video's objects, without its prefix. Of chunks it does not tell which generation made them, nor how often. */
export async function keysOf(store: ObjectStore, id: string): Promise<string[]> {
  const prefix = objectKeys.video(id)
  const keys = new Set<string>()
  for await (const { key } of store.list(prefix)) {
    const name = key.slice(prefix.length).replace(/^(chunks\/\d+)\.g\d+/, '$1')
    if (!name.startsWith('chunks/lineage')) keys.add(name)
  }
  return [...keys].sort()
}

/** Ids of all videos of which something lies in the bucket. */
export async function storedVideos(store: ObjectStore): Promise<Set<string>> {
  const ids = new Set<string>()
  for await (const { key } of store.list('videos/')) ids.add(key.split('/')[1] ?? '')
  return ids
}

export async function openVideos(client: Client): Promise<string[]> {
  const ids: string[] = []
  for await (const { workflowId } of client.workflow.list({ query: ofOpenVideos })) ids.push(workflowId)
  return ids
}

/** Uploads in parts that were neither completed nor given up. */
export async function unfinishedUploads(s3: S3Address): Promise<string[]> {
  const client = createS3Client(s3)
  try {
    const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket: s3.S3_BUCKET }))
    return (Uploads ?? []).map(({ Key }) => Key ?? '')
  } finally {
    client.destroy()
  }
}

/** What is wrong with any video: the kept ones against their twins; of the others, what must be gone. */
export async function faultsOfAll(
  users: Pick<ChaosUsers, 'kept' | 'videos' | 'digest'>,
  twins: ReadonlyMap<string, Twin>,
  looking: Looking,
): Promise<string[]> {
  const wrong: string[] = []
  for (const video of users.kept) {
    const twin = twins.get(video.order.name)
    if (video.status !== 'completed' || !twin) continue
    wrong.push(...(await faultsOf(video, await users.digest(video), twin, looking)))
  }
  for (const id of await openVideos(looking.client))
    if (!users.videos.has(id)) wrong.push(`${id} was accepted without anybody's knowledge`)
  for (const { id, wish } of users.videos.values()) {
    const keys = wish === 'kept' ? [] : await keysOf(looking.store, id)
    const left = wish === 'deleted' ? keys : keys.filter((key) => !/^(order\.json|input\/)/.test(key))
    if (left.length > 0) wrong.push(`${id} was ${wish}, but has ${left.join(' ')}`)
  }
  return wrong
}

/** What a stack that has been stopped, with all videos deleted, should not have left. */
export function leftBy(stack: Pick<ChaosStack, 'processes' | 'tempDir' | 'dataDir'>): string[] {
  const jobs = nodes.flatMap((node) => filesIn(join(stack.dataDir, `runner-${node}`, 'jobs')))
  const left = { processes: stack.processes(), 'temporary files': filesIn(stack.tempDir), 'folders of jobs': jobs }
  return Object.entries(left).flatMap(([what, all]) => (all.length > 0 ? [`${what} are left: ${all.join('; ')}`] : []))
}

function filesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : []
}

/** Everything about a kept video that is not as it would be without faults. */
async function faultsOf(video: ChaosVideo, sha256: string, twin: Twin, looking: Looking): Promise<string[]> {
  const name = `${video.id} (${video.order.name})`
  const wrong: string[] = []
  if (sha256 !== twin.sha256) wrong.push(`${name} is ${sha256}, its twin ${twin.sha256}`)
  const keys = await keysOf(looking.store, video.id)
  const differing = [
    ...keys.filter((key) => !twin.keys.includes(key)).map((key) => `+${key}`),
    ...twin.keys.filter((key) => !keys.includes(key)).map((key) => `-${key}`),
  ]
  if (differing.length > 0) wrong.push(`${name} has other objects than its twin: ${differing.join(' ')}`)
  const { renders, assemblies, damaged } = await rendersOf(looking.client, video.id)
  if (assemblies !== 1 || renders !== 1 + damaged) {
    wrong.push(`${name} was rendered ${renders} times and assembled ${assemblies} times, with ${damaged} torn chunks`)
  }
  return wrong
}

/** Renders and assemblies that were done, by the video's history; and how often a torn chunk in S3 sent it back to be rendered. */
async function rendersOf(
  client: Client,
  id: string,
): Promise<{ renders: number; assemblies: number; damaged: number }> {
  const { events } = await client.workflow.getHandle(id).fetchHistory()
  const types = new Map<string, string>()
  const done: string[] = []
  let damaged = 0
  for (const event of events ?? []) {
    const { activityTaskScheduledEventAttributes: scheduled, activityTaskCompletedEventAttributes: completed } = event
    if (scheduled) types.set(String(event.eventId), scheduled.activityType?.name ?? '')
    if (completed) done.push(types.get(String(completed.scheduledEventId)) ?? '')
    const word = event.activityTaskFailedEventAttributes?.failure?.applicationFailureInfo?.type
    if (word === ('chunk_damaged' satisfies FailureCode)) damaged += 1
  }
  const count = (...names: (keyof VideoActivities)[]) =>
    done.filter((type) => names.some((name) => name === type)).length
  return { renders: count('render', 'attach'), assemblies: count('assemble'), damaged }
}
