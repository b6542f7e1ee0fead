import type { Handler } from '../engine.ts'

/** There are no quotas, whatever the filter. Kafka's tools ask for them together with users. */
export const answerDescribeClientQuotas: Handler<'describeClientQuotas'> = () => ({
  throttleTimeMs: 0,
  errorCode: 0,
  errorMessage: null,
  entries: [],
})
