import { InterceptingCall, type Interceptor } from '@grpc/grpc-js'

const callMs = 10_000
const waitingCallMs = 70_000

/** Calls that the server itself holds open until something happens. */
const waitingCalls = new Set([
  'GetWorkflowExecutionHistory',
  'UpdateWorkflowExecution',
  'PollWorkflowExecutionUpdate',
  'QueryWorkflow',
  'ExecuteMultiOperation',
])

/**
 * Gives every call without a deadline one: 10 s, or 70 s where the server waits for something.
 * Left alone, the client retries an unreachable server for 23 s and waits for a silent one for ever.
 */
export const callDeadlines: Interceptor = (options, nextCall) => {
  const method = options.method_definition.path.split('/').at(-1) ?? ''
  const deadline = options.deadline ?? Date.now() + (waitingCalls.has(method) ? waitingCallMs : callMs)
  return new InterceptingCall(nextCall({ ...options, deadline }))
}
