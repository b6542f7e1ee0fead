import type { Offset } from '@millrace/kernel'
import type { LogConfig } from '../log-config.ts'
import type { Segment } from '../segment.ts'
import type { AbortedTransaction } from '../transaction-index.ts'

/** What a producer that has not expired wrote last. */
export interface ProducerInLog {
  readonly producerId: number
  readonly producerEpoch: number
  /** Of its newest data batch; -1 where only a marker is known. */
  readonly lastOffset: number
}

/** A partition as retention and the cleaner see it. */
export interface CleanableLog {
  readonly name: string
  readonly directory: string
  readonly config: LogConfig
  readonly logStart: Offset
  readonly highWatermark: Offset
  readonly lastStable: Offset
  /** Oldest first; the last one is active. */
  readonly segments: readonly Segment[]
  /** Segments up to here are sealed and durable with all that belongs to them. */
  readonly settledTo: number
  /** Set once the partition takes no more appends, is closed or deleted. */
  readonly failure: Error | undefined
  /** It takes no more appends: its disk has failed. */
  fail(error: unknown): void
  /** Resolves when all that is written now survives a power cut, whatever acks=all waits for. */
  durable(): Promise<void>
  /** Begins a new active segment; the present one is sealed. */
  rollNow(): void
  /** Moves the log start to `to` and lets segments go that lie wholly below it. */
  advanceStart(to: Offset): Promise<void>
  /** Those that touch [from, to), in the order of their markers. */
  abortedTransactions(from: number, to: number): readonly AbortedTransaction[]
  producers(): readonly ProducerInLog[]
  /** Runs alone: no segment goes, none is replaced by somebody else meanwhile. */
  alone(step: () => Promise<void>): Promise<void>
  /** Readers in other threads ask the engine until `endSwap`: files are about to change their names. */
  beginSwap(): void
  /** In memory. @param replaced stand next to each other, none is active. */
  replaceSegments(replaced: readonly Segment[], by: Segment): void
  endSwap(): void
}
