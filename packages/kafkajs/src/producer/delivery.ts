import type { RunReceipt } from '@millrace/client/internal'
import { loadedClient } from '../client-module.ts'
import type { RecordMetadata } from '../message.ts'

/** One call's records in one partition: spread over one or more batches. */
class Share {
  readonly topic: string
  readonly partition: number
  receipt: RunReceipt | undefined
  baseOffset = Number.MAX_SAFE_INTEGER
  appendTimeMs = -1
  readonly begin: (index: number, timestampMs: number) => RunReceipt

  constructor(topic: string, partition: number, delivery: Delivery) {
    this.topic = topic
    this.partition = partition
    this.begin = (index, timestampMs) => {
      delivery.expect()
      return new (loadedClient().RunReceipt)(index, timestampMs, {
        delivered: (at, appendTimeMs) => {
          if (at < this.baseOffset) this.baseOffset = at
          this.appendTimeMs = appendTimeMs
          delivery.settle(undefined)
        },
        failed: (error) => delivery.settle(error),
        parted: () => delivery.expect(),
      })
    }
  }
}

/** What became of the records of one call: known when every batch they went into is settled. */
export class Delivery {
  readonly #shares = new Map<string, Share[]>()
  readonly #done: Promise<void>
  #settled: () => void = () => {}
  #expected = 1 // the call itself, until it has appended all
  #error: Error | undefined

  constructor() {
    this.#done = new Promise((resolve) => {
      this.#settled = resolve
    })
  }

  share(topic: string, partition: number): Share {
    let shares = this.#shares.get(topic)
    if (shares === undefined) {
      shares = []
      this.#shares.set(topic, shares)
    }
    const known = shares[partition]
    if (known !== undefined) return known
    const share = new Share(topic, partition, this)
    shares[partition] = share
    return share
  }

  expect(): void {
    this.#expected++
  }

  settle(error: Error | undefined): void {
    this.#error ??= error
    if (--this.#expected === 0) this.#settled()
  }

  /** All is appended, or as much as could be. @throws the first error */
  async outcome(failure?: Error): Promise<RecordMetadata[]> {
    this.settle(failure)
    await this.#done
    if (this.#error !== undefined) throw this.#error
    const rows: RecordMetadata[] = []
    for (const shares of this.#shares.values()) {
      for (const share of shares) if (share !== undefined) rows.push(metadataOf(share))
    }
    return rows
  }
}

function metadataOf({ topic, partition, baseOffset, appendTimeMs }: Share): RecordMetadata {
  return {
    topicName: topic,
    partition,
    errorCode: 0,
    baseOffset: `${baseOffset}`,
    logAppendTime: `${appendTimeMs}`,
    logStartOffset: '-1',
  }
}
