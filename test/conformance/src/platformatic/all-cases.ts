import { adminCases } from './admin-cases.ts'
import { consumeCases } from './consume-cases.ts'
import { produceCases } from './produce-cases.ts'
import { transactionCases } from './transaction-cases.ts'
import type { Case } from './world.ts'

/** By name. */
export const cases: Readonly<Record<string, Case>> = {
  ...adminCases,
  ...produceCases,
  ...consumeCases,
  ...transactionCases,
}
