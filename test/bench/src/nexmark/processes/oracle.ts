import { serveOrder } from '../../child.ts'
import { expectedDigests } from '../oracle.ts'

export interface OracleOrder {
  readonly input: string
  readonly queries: readonly string[]
}

await serveOrder(async ({ input, queries }: OracleOrder) => ({ answer: await expectedDigests(input, queries) }))
