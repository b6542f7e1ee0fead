import { adminCases } from './admin-cases.ts'
import type { Case } from './cases.ts'
import { consumeCases } from './consume-cases.ts'
import { groupCases } from './group-cases.ts'
import { produceCases } from './produce-cases.ts'
import { runCases } from './run-cases.ts'
import { transactionCases } from './transaction-cases.ts'

/** By name. Each runs on kafkajs and on ours, against our broker and against Apache Kafka. */
export const cases: Readonly<Record<string, Case>> = {
  ...adminCases,
  ...produceCases,
  ...consumeCases,
  ...runCases,
  ...groupCases,
  ...transactionCases,
}
