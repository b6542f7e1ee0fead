import { codeOf, MillraceError, messageOf } from '@millrace/kernel'
import { bestAnswer } from './best-answer.ts'
import type { StreamThreadHandle } from './stream-thread-host.ts'
import {
  type FromThread,
  isFromThread,
  type QueryAnswer,
  type StoreQuery,
  type ThreadFailure,
  type ThreadState,
  type ThreadStatus,
  type ToThread,
} from './thread-messages.ts'

export interface AppStatus {
  /** `running` when every thread is. */
  readonly state: ThreadState
  readonly threads: readonly ThreadStatus[]
  /** Over all threads, by input topic. */
  readonly sources: readonly { readonly topic: string; readonly records: number; readonly lag: number }[]
  readonly restoredRecords: number
  readonly dropped: Readonly<Record<string, number>>
  readonly cpuSeconds: number | undefined
  /** Topics of the user that do not exist and that threads wait for before they start; empty: none. */
  readonly waitingFor: readonly string[]
}

/** From the worst to the best: an application is as well as its worst thread. */
const severity: readonly ThreadState[] = ['failed', 'starting', 'rebalancing', 'restoring', 'stopped', 'running']

const startingStatus: ThreadStatus = {
  state: 'starting',
  tasks: [],
  sources: [],
  restoredRecords: 0,
  restoreLag: 0,
  dropped: {},
  commits: 0,
}

interface Question {
  readonly thread: number
  answer(answer: QueryAnswer): void
}

/**
 * A running application: its threads, seen from the thread that started it.
 *
 * Nothing is restarted by itself. A thread that fails commits nothing of its last interval, says why in `status` and
 * `failure`, and ends; after its session the group gives its tasks to the other threads, of this process or another,
 * which go on from the last commit. Whoever supervises the process decides: usually it ends it and starts it again.
 */
export class StreamsApp {
  readonly applicationId: string
  /** Rejects with the first failure of a thread; never resolves. Handled here, so that nobody must listen. */
  readonly failure: Promise<never>
  readonly #threads: readonly StreamThreadHandle[]
  readonly #statuses: ThreadStatus[]
  readonly #questions = new Map<number, Question>()
  readonly #gone = new Set<number>()
  #nextQuestion = 0
  #stopping = false
  #fail: (error: Error) => void = () => {}

  constructor(applicationId: string, threads: readonly StreamThreadHandle[]) {
    this.applicationId = applicationId
    this.#threads = threads
    this.#statuses = threads.map(() => startingStatus)
    this.failure = new Promise<never>((_, reject) => {
      this.#fail = reject
    })
    this.failure.catch(() => {})
    threads.forEach((thread, index) => {
      thread.port.listen((message) => {
        if (isFromThread(message)) this.#receive(index, message)
      })
      thread.ended.then((error) => this.#ended(index, error))
    })
  }

  async status(): Promise<AppStatus> {
    const cpu = await Promise.all(this.#threads.map((thread) => thread.cpuSeconds()))
    const threads = [...this.#statuses]
    const known = cpu.filter((seconds) => seconds !== undefined)
    return {
      state: severity.find((state) => threads.some((thread) => thread.state === state)) ?? 'stopped',
      threads,
      sources: sumSources(threads),
      restoredRecords: threads.reduce((sum, thread) => sum + thread.restoredRecords, 0),
      dropped: sumCounts(threads.map((thread) => thread.dropped)),
      waitingFor: [...new Set(threads.flatMap(({ waitingFor }) => waitingFor ?? []))].sort(),
      cpuSeconds: known.length === 0 ? undefined : known.reduce((sum, seconds) => sum + seconds, 0),
    }
  }

  /**
   * Asks every thread: which partition a key is in is for whoever wrote it to say, and the task that has it answers.
   */
  async query(query: StoreQuery): Promise<QueryAnswer> {
    if (this.#stopping) return { kind: 'refused', message: 'the application is stopping' }
    const answers = await Promise.all(this.#threads.map((_, index) => this.#ask(index, query)))
    return bestAnswer(answers)
  }

  /** Each thread commits what it has processed, then ends. */
  async close(): Promise<void> {
    this.#stopping = true
    for (const thread of this.#threads) thread.port.post({ type: 'stop' } satisfies ToThread)
    await Promise.all(this.#threads.map((thread) => thread.ended))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #ask(index: number, query: StoreQuery): Promise<QueryAnswer> {
    const thread = this.#threads[index]
    if (thread === undefined || this.#gone.has(index)) return Promise.resolve({ kind: 'elsewhere' })
    const id = this.#nextQuestion++
    return new Promise((resolve) => {
      this.#questions.set(id, { thread: index, answer: resolve })
      thread.port.post({ type: 'query', id, query } satisfies ToThread)
    })
  }

  #receive(index: number, message: FromThread): void {
    if (message.type === 'answer') this.#answer(message.id, message.answer)
    else if (message.type === 'failed') this.#failed(index, message)
    else {
      this.#statuses[index] = message.status
      if (message.status.failure !== undefined) this.#failed(index, message.status.failure)
    }
  }

  #answer(id: number, answer: QueryAnswer): void {
    this.#questions.get(id)?.answer(answer)
    this.#questions.delete(id)
  }

  #failed(index: number, { code, message }: ThreadFailure): void {
    const last = this.#statuses[index] ?? startingStatus
    this.#statuses[index] = { ...last, state: 'failed', failure: last.failure ?? { code, message } }
    // The code goes with it: callers compare codes.
    const error = new MillraceError('STATE', message, { place: `thread ${index} of ${this.applicationId}` })
    this.#fail(Object.assign(error, { code }))
  }

  #ended(index: number, error: Error | undefined): void {
    this.#gone.add(index)
    const last = this.#statuses[index] ?? startingStatus
    if (error !== undefined) this.#failed(index, { code: codeOf(error) ?? 'UNKNOWN', message: messageOf(error) })
    else if (!this.#stopping && last.state !== 'stopped' && last.state !== 'failed') {
      this.#failed(index, { code: 'STATE', message: 'ended by itself' })
    } else if (last.state !== 'failed') this.#statuses[index] = { ...last, state: 'stopped' }
    for (const [id, { thread }] of this.#questions) if (thread === index) this.#answer(id, { kind: 'elsewhere' })
  }
}

function sumSources(threads: readonly ThreadStatus[]): { topic: string; records: number; lag: number }[] {
  const sums = new Map<string, { topic: string; records: number; lag: number }>()
  for (const { sources } of threads) {
    for (const { topic, records, lag } of sources) {
      const sum = sums.get(topic) ?? { topic, records: 0, lag: 0 }
      sums.set(topic, { topic, records: sum.records + records, lag: sum.lag + lag })
    }
  }
  return [...sums.values()]
}

function sumCounts(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const one of counts) for (const [name, count] of Object.entries(one)) sums[name] = (sums[name] ?? 0) + count
  return sums
}
