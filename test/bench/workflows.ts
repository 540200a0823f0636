import { proxyActivities } from '@temporalio/workflow'

const { bare: run } = proxyActivities<{ bare(): Promise<void> }>({
  startToCloseTimeout: '1 minute',
  retry: { maximumAttempts: 1 },
})

/** The least that a workflow with one activity can be: what our dispatch is measured against. */
export async function bare(): Promise<void> {
  await run()
}
