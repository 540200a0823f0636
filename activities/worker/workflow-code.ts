import type { WorkerOptions } from '@temporalio/worker'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The workflows as the build bundled them, else their compiled sources, which the worker bundles as it starts. */
export function workflowCode(): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath'> {
  const codePath = fileURLToPath(new URL('../../workflow-bundle.js', import.meta.url))
  if (existsSync(codePath)) return { workflowBundle: { codePath } }
  return { workflowsPath: fileURLToPath(new URL('../../workflows/index.js', import.meta.url)) }
}
