import type { Handler } from '../engine.ts'

/** There is one broker: no partition is ever on its way to another. */
export const answerListPartitionReassignments: Handler<'listPartitionReassignments'> = () => ({
  throttleTimeMs: 0,
  errorCode: 0,
  errorMessage: null,
  topics: [],
})
