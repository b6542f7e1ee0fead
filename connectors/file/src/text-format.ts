import type { Buffer } from 'node:buffer'

/** Where a line stands, for errors; built only when one is raised. */
export interface LinePlace {
  readonly path: string
  readonly line: number
}

/** Makes records of the lines of a text file. */
export interface TextFormat {
  /**
   * Takes a line and appends or rejects what it holds. The bytes are borrowed.
   *
   * @returns false when the record goes on in the next line.
   */
  line(bytes: Buffer, from: number, to: number, line: number): boolean
  /** No more lines: an unfinished record is rejected. */
  end(): void
  /** Forgets an unfinished record, as its lines are too long in sum. */
  abandon(): void
}

export function placeOf(path: string, line: number): string {
  return `${path}:${line}`
}
