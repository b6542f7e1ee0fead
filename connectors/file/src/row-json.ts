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
  readonly #writers: readonly JsonColumnWriter[]

  constructor(columns: readonly RowColumn[]) {
    this.#columns = columns
    this.#writers = columns.map(({ name, kind }, i) => {
      return new JsonColumnWriter(kind, `${i === 0 ? '{' : ','}${JSON.stringify(name)}:`)
    })
  }

  write(row: number, into: ByteWriter): void {
    for (let i = 0; i < this.#columns.length; i++) {
      this.#writers[i]!.write(this.#columns[i]!.values[row], into)
    }
    into.int8(0x7d)
  }
}
