import type { Producer, ProducerOptions } from '@millrace/client'
import type { PollResult, SourceConnector, SourceTask } from '@millrace/connect-api'
import { codeOf, MillraceError } from '@millrace/kernel'
import { type CodecName, codecId } from '@millrace/record/internal'
import { converterFor } from '../config/check-config.ts'
import { SourceOffsets } from '../store/source-offsets.ts'
import { Closing } from './closing.ts'
import { ErrorPolicy } from './error-policy.ts'
import { retrying } from './retrying.ts'
import { ProducerWriter } from './source-writer.ts'
import { isExactlyOnce, isRetriable, numberOption, type TaskRun, taskContextOf } from './task-environment.ts'
import type { TaskEnd, TaskSpec } from './task-spec.ts'

/**
 * Runs one task of a source: polls it, slows it to the producer's pace, and stores its positions after the records
 * before them are acknowledged.
 *
 *   poll … poll | take positions | flush records and dead letters | append positions | flush | committed
 *
 * Under exactly-once records, dead letters and positions are one transaction, and nothing is polled while it ends; a task that takes
 * over aborts what the one before left open, and fences it (KIP-618).
 *
 *   begin | poll … poll | append positions | commit | committed
 *
 * @throws what fails the task.
 */
export function runSource(run: TaskRun, connector: SourceConnector): Promise<TaskEnd> {
  const closing = new Closing()
  return closing.around(() => startSource(run, connector, closing))
}

async function startSource(run: TaskRun, connector: SourceConnector, closing: Closing): Promise<TaskEnd> {
  const { spec, environment } = run
  const producer = environment.client.producer(producerOptions(spec))
  closing.add(() => producer.close())
  const errors = new ErrorPolicy(run)
  closing.add(() => errors.close())
  await errors.open(isExactlyOnce(spec) ? producer : undefined)
  if (isExactlyOnce(spec)) await producer.initTransactions({ signal: run.control.signal })
  const offsets = await SourceOffsets.open(environment.client, producer, spec.offsetTopic, spec.connector)
  const converters = { key: converterFor('key', spec.config), value: converterFor('value', spec.config) }
  const writer = new ProducerWriter(run, producer, errors, offsets, converters)
  const context = {
    ...taskContextOf(run),
    storedOffset: offsets.get.bind(offsets),
    keyConverter: converters.key,
    valueConverter: converters.value,
  }
  const wait = (delayMs: number) => environment.ports.clock.sleep(delayMs, run.control.signal)
  const task = await retrying(run, async () => connector.start(context), wait)
  closing.add(async () => task.stop?.())
  run.tell({ type: 'running' })
  return new SourceLoop(run, task, producer, writer, errors, offsets).run()
}

class SourceLoop {
  readonly #run: TaskRun
  readonly #task: SourceTask
  readonly #producer: Producer
  readonly #writer: ProducerWriter
  readonly #errors: ErrorPolicy
  readonly #offsets: SourceOffsets
  readonly #flushIntervalMs: number
  readonly #idleMs: number
  readonly #inTransactions: boolean
  #lastCommitMs = 0
  #committing: Promise<void> | undefined
  #commitError: { readonly error: unknown } | undefined

  constructor(
    run: TaskRun,
    task: SourceTask,
    producer: Producer,
    writer: ProducerWriter,
    errors: ErrorPolicy,
    offsets: SourceOffsets,
  ) {
    this.#run = run
    this.#task = task
    this.#producer = producer
    this.#writer = writer
    this.#errors = errors
    this.#offsets = offsets
    this.#flushIntervalMs = numberOption(run.spec, 'offset.flush.interval.ms') ?? 1000
    this.#idleMs = numberOption(run.spec, 'idle.interval.ms') ?? 100
    this.#inTransactions = isExactlyOnce(run.spec)
  }

  async run(): Promise<TaskEnd> {
    const { control, environment } = this.#run
    const { clock } = environment.ports
    if (this.#inTransactions) this.#producer.beginTransaction()
    this.#lastCommitMs = clock.monotonicMs()
    for (;;) {
      if (control.paused) await this.#pause()
      if (control.stopping) break
      const result = await this.#poll()
      this.#writer.count()
      if (result === 'end') {
        await this.#commitNow()
        return { type: 'completed' }
      }
      if (result === undefined) break
      if (this.#commitError !== undefined) throw this.#commitError.error
      if (clock.monotonicMs() - this.#lastCommitMs >= this.#flushIntervalMs) {
        if (this.#inTransactions) await this.#commitTransaction()
        else this.#commitBeside()
      }
      if (result === 'idle') await this.#idle()
      else await clock.turn()
    }
    // Stopped in the middle of a poll: what it has written goes with its transaction, and is read again.
    if (!this.#inTransactions || this.#writer.isAtPosition) await this.#commitNow()
    return { type: 'stopped' }
  }

  /** undefined: the task was told to stop meanwhile. */
  async #poll(): Promise<PollResult | undefined> {
    const { control, environment } = this.#run
    const wait = (delayMs: number) => environment.ports.clock.sleep(delayMs, control.signal)
    try {
      const result = await retrying(this.#run, () => this.#attempt(), wait)
      if (this.#writer.full) await this.#writer.drained()
      return result
    } catch (error) {
      if (control.stopping && isAbort(error, control.signal)) return undefined
      throw error
    }
  }

  /** A poll that is tried again begins anew: what it has written already would be in the transaction twice. */
  async #attempt(): Promise<PollResult> {
    try {
      return await this.#task.poll(this.#writer)
    } catch (error) {
      if (!this.#inTransactions || this.#writer.isAtPosition || !isRetriable(error)) throw error
      throw new MillraceError('STATE', 'a poll failed behind records without a position; they are read again', {
        cause: error,
      })
    }
  }

  async #pause(): Promise<void> {
    await this.#commitNow()
    this.#run.tell({ type: 'paused' })
    await this.#run.control.resumed()
    if (!this.#run.control.stopping) this.#run.tell({ type: 'running' })
  }

  async #idle(): Promise<void> {
    const { control, environment } = this.#run
    try {
      await environment.ports.clock.sleep(this.#idleMs, control.signal)
    } catch (error) {
      if (!control.stopping) throw error
    }
  }

  /** Commits while the task polls on. One commit at a time; its failure is found after the next poll. */
  #commitBeside(): void {
    if (this.#committing !== undefined) return
    this.#lastCommitMs = this.#run.environment.ports.clock.monotonicMs()
    this.#committing = this.#commit()
      .catch((error: unknown) => {
        this.#commitError = { error }
      })
      .finally(() => {
        this.#committing = undefined
      })
  }

  async #commitNow(): Promise<void> {
    await this.#committing
    if (this.#commitError !== undefined) throw this.#commitError.error
    if (this.#inTransactions) await this.#commitTransaction()
    else await this.#commit()
  }

  /** What fails here ends the task: the next one goes on from what was committed. */
  async #commitTransaction(): Promise<void> {
    const { clock } = this.#run.environment.ports
    this.#lastCommitMs = clock.monotonicMs()
    if (!this.#writer.told) throw untold(this.#run.spec)
    const positions = this.#writer.takePositions()
    if (positions.size === 0) return
    this.#offsets.append(positions, clock.nowMs())
    await this.#producer.commitTransaction()
    this.#producer.beginTransaction()
    this.#run.counters.add('commits', 1)
    await this.#task.committed?.()
  }

  async #commit(): Promise<void> {
    const positions = this.#writer.takePositions()
    await this.#producer.flush()
    await this.#errors.flush()
    if (positions.size === 0) return
    this.#offsets.append(positions, this.#run.environment.ports.clock.nowMs())
    await this.#producer.flush()
    this.#run.counters.add('commits', 1)
    await this.#task.committed?.()
  }
}

function untold({ kind }: TaskSpec): MillraceError {
  return new MillraceError('STATE', `${kind} ended a poll without a position for all it appended`, {
    fix: 'Call position() at the end of poll, or leave exactly.once.support out.',
  })
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || codeOf(error) === 'ABORTED'
}

function producerOptions(spec: TaskSpec): ProducerOptions {
  const acks = spec.config['producer.override.acks']
  const codec = spec.config['producer.override.compression.type']
  return {
    acks: acks === undefined || acks === 'all' || Number(acks) === -1 ? 'all' : Number(acks) === 0 ? 0 : 1,
    lingerMs: numberOption(spec, 'producer.override.linger.ms'),
    batchBytes: numberOption(spec, 'producer.override.batch.size'),
    bufferBytesMax: numberOption(spec, 'producer.override.buffer.memory'),
    compression: isCodec(codec) ? codec : undefined,
    ...(isExactlyOnce(spec) && {
      // The same for whoever runs the task next, so that it takes over from here.
      transactionalId: `connect-source-${spec.connector}-${spec.task}`,
      transactionTimeoutMs: numberOption(spec, 'transaction.timeout.ms'),
    }),
  }
}

function isCodec(name: unknown): name is CodecName {
  return typeof name === 'string' && Object.hasOwn(codecId, name)
}
