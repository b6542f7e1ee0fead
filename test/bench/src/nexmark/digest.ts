import { createHash } from 'node:crypto'

/** A final result: how many rows, and the SHA-256 of its canonical lines, sorted, each ended by a newline. */
export interface Digest {
  readonly rows: number
  readonly sha256: string
}

/** Sorts `lines` in place. They are ASCII, so the order of their code units is that of their bytes. */
export function digestOf(lines: string[]): Digest {
  lines.sort()
  const hash = createHash('sha256')
  const together = 4096
  for (let at = 0; at < lines.length; at += together) hash.update(`${lines.slice(at, at + together).join('\n')}\n`)
  return { rows: lines.length, sha256: hash.digest('hex') }
}
