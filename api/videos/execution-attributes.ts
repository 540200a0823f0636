import type { WorkflowExecutionInfo } from '@temporalio/client'
import { defaultPriority, searchAttributes } from '../../workflows/names.js'

type Execution = Pick<WorkflowExecutionInfo, 'typedSearchAttributes'>

/** The value of a search attribute as it stands; undefined where the execution has none of this name. */
export function attributeOf(execution: Execution, name: string): unknown {
  return execution.typedSearchAttributes.getAll().find((pair) => pair.key.name === name)?.value
}

/** The priority under which an execution was started, or has been moved to since. */
export function priorityOf(execution: Execution): number {
  const value = attributeOf(execution, searchAttributes.priority)
  return typeof value === 'number' ? value : defaultPriority
}
