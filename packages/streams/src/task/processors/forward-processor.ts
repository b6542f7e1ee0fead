import type { CurrentRecord } from '../current-record.ts'
import { Processor } from './processor.ts'

/** Passes records on: where streams merge, and where a table becomes a stream. */
export class ForwardProcessor extends Processor {
  override process(record: CurrentRecord): void {
    this.forward(record)
  }
}
