import type { BatchCursor } from '@millrace/record/internal'
import type { SourceNode } from '../../topology/nodes.ts'
import type { CurrentRecord } from '../current-record.ts'
import { Processor, type TaskContext } from './processor.ts'

/** Where records come in. Reads nothing of them but their positions. */
export class SourceProcessor extends Processor {
  readonly #node: SourceNode

  constructor(node: SourceNode, context: TaskContext) {
    super(node.name, context)
    this.#node = node
  }

  /** The cursor's record, through everything behind this source. */
  take(cursor: BatchCursor): void {
    const { record, errors, dropped } = this.context
    const { timestampMs } = cursor
    if (timestampMs < 0) {
      dropped.add('negative-timestamp', this.name)
      return
    }
    errors.begin()
    const { keySerde, valueSerde } = this.#node
    record.timestampMs = timestampMs
    record.headers = cursor.headerCount === 0 ? null : cursor.bytes.subarray(cursor.headersFrom, cursor.headersTo)
    record.read(cursor.bytes, cursor.keyFrom, cursor.keyTo, cursor.valueFrom, cursor.valueTo, keySerde, valueSerde)
    try {
      this.forward(record)
    } catch (cause) {
      errors.caught(cause, this.name)
    }
  }

  override process(record: CurrentRecord): void {
    this.forward(record)
  }
}
