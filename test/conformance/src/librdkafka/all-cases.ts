import { clientCases } from './client-cases.ts'
import { kcatCases } from './kcat-cases.ts'
import { outlastCases } from './outlast-cases.ts'
import type { Case } from './world.ts'

/** By name. */
export const cases: Readonly<Record<string, Case>> = { ...kcatCases, ...clientCases, ...outlastCases }
