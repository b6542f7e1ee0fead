import type { Buffer } from 'node:buffer'
import { ByteReader } from '@millrace/kernel'

/**
 * Most items in all lists of a request. A byte or two can be an item, and an item is an object of a hundred: a request
 * of 100 MiB would take gigabytes. Kafka has no such bound; one that names each partition of a large cluster stays far
 * below it.
 */
export const requestItemsMax = 500_000

/** The bytes of one message, and how many items its lists may yet have. */
export class MessageReader extends ByteReader {
  itemsLeft: number

  constructor(bytes: Buffer, from = 0, itemsMax = Number.POSITIVE_INFINITY) {
    super(bytes, from)
    this.itemsLeft = itemsMax
  }
}
