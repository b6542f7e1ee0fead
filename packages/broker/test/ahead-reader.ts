import { Buffer } from 'node:buffer'
import { memoryMetrics, SimClock } from '@millrace/kernel/sim'
import { fill, type Partially, type RequestContext, type RequestOf, type ResponseOf } from '@millrace/protocol/internal'
import { nextOffset, openBatches } from '@millrace/record/internal'
import { AnswerRoom } from '../src/server/answer-room.ts'
import { FramePool } from '../src/server/frame-pool.ts'
import { LentMemory } from '../src/server/lent-memory.ts'
import type { BrokerBench } from './broker-bench.ts'

type FetchAnswer = ResponseOf<'fetch'>

/** What is given back holds nothing any more that anybody could take for a record. */
class WipingPool extends FramePool {
  override takeBack(lent: Buffer): void {
    lent.fill(0xee)
    super.takeBack(lent)
  }
}

export function wipingPool(): FramePool {
  return new WipingPool(memoryMetrics(), 'test')
}

/** A connection that is lent the memory of its answers, as one over a socket is. */
export class AheadReader {
  readonly pool: FramePool
  readonly #gone = new AbortController()
  readonly #unsent: LentMemory[] = []
  readonly #room = new AnswerRoom(1 << 30, new SimClock(0))

  constructor(pool = wipingPool()) {
    this.pool = pool
  }

  fetch(bench: BrokerBench, request: Partially<RequestOf<'fetch'>>): Promise<FetchAnswer> {
    const memory = new LentMemory(this.pool, this.#room, () => this.close())
    this.#unsent.push(memory)
    return ask(bench, request, { closed: this.#gone.signal, memory })
  }

  /** The socket has taken all answers. */
  sent(): void {
    for (const memory of this.#unsent.splice(0)) memory.giveBack()
  }

  close(): void {
    this.sent()
    this.#gone.abort()
  }
}

/** The same answer, read this moment into memory of its own. */
export function fetchNow(bench: BrokerBench, request: Partially<RequestOf<'fetch'>>): Promise<FetchAnswer> {
  return ask(bench, request, { closed: new AbortController().signal })
}

function ask(
  bench: BrokerBench,
  request: Partially<RequestOf<'fetch'>>,
  rest: Pick<RequestContext, 'closed' | 'memory'>,
): Promise<FetchAnswer> {
  const context: RequestContext = {
    clientId: 'ahead',
    clientHost: '127.0.0.1',
    principal: 'User:ANONYMOUS',
    apiVersion: 12,
    listener: 'BENCH',
    ...rest,
  }
  const filled = fill('fetch', 'request', {
    maxBytes: 1 << 20,
    minBytes: 1,
    maxWaitMs: 0,
    sessionEpoch: -1,
    ...request,
  })
  return bench.broker.handler.handle(context, 'fetch', filled)
}

/** Behind the last batch; undefined where there is none. */
export function endOf(records: Buffer | null): number | undefined {
  let end: number | undefined
  for (const batch of openBatches(records ?? Buffer.alloc(0), { source: 'test', position: 0 })) end = nextOffset(batch)
  return end
}

export function count(bench: BrokerBench, outcome: 'used' | 'unused'): number {
  const name = 'millrace_broker_read_ahead_total'
  const found = [...bench.metrics.snapshot()].find(([each]) => each.startsWith(name) && each.includes(`"${outcome}"`))
  return Number(found?.[1] ?? 0)
}

export function heldBytes(bench: BrokerBench): number {
  const found = [...bench.metrics.snapshot()].find(([each]) => each.startsWith('millrace_broker_read_ahead_bytes'))
  return Number(found?.[1] ?? 0)
}
