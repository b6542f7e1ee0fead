import { Buffer } from 'node:buffer'
import type { ByteWritable, ByteWriter } from '@millrace/kernel'
import { JsonColumnWriter, type TimeKind } from './json-writing.ts'

/** One column of rows held by column. */
export interface RowColumn {
  readonly name: string
  readonly kind: TimeKind
  values: ArrayLike<unknown>
}

/** Writes row `i` of some columns as a JSON object, straight into the bytes it is given. */
export class RowJson implements ByteWritable<number> {
  readonly #columns: readonly RowColumn[]
  readonly #names: readonly Buffer[]
  readonly #writers: readonly JsonColumnWriter[]

  constructor(columns: readonly RowColumn[]) {
    this.#columns = columns
    this.#names = columns.map(({ name }, i) => Buffer.from(`${i === 0 ? '{' : ','}${JSON.stringify(name)}:`))
    this.#writers = columns.map(({ kind }) => new JsonColumnWriter(kind))
  }

  write(row: number, into: ByteWriter): void {
    for (let i = 0; i < this.#columns.length; i++) {
      into.raw(this.#names[i]!)
      this.#writers[i]!.write(this.#columns[i]!.values[row], into)
    }
    into.int8(0x7d)
  }
}
