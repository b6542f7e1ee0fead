/** Lines about what goes on: each is said again only when it has changed, and not more often than every two seconds. */
export class ProgressLines {
  readonly #everyMs: number
  readonly #said = new Map<string, string>()
  readonly #rates = new Map<string, { readonly count: number; readonly atMs: number }>()
  #lastMs = Number.NEGATIVE_INFINITY

  constructor(everyMs = 2000) {
    this.#everyMs = everyMs
  }

  /** @param lines by what they are about */
  draw(lines: ReadonlyMap<string, string>, atMs: number): void {
    if (atMs - this.#lastMs < this.#everyMs) return
    this.#lastMs = atMs
    this.finish(lines)
  }

  /** Now, whatever the time. */
  finish(lines: ReadonlyMap<string, string>): void {
    for (const [about, line] of lines) {
      if (this.#said.get(about) === line) continue
      this.#said.set(about, line)
      process.stdout.write(`${about}: ${line}\n`)
    }
  }

  /** Of a count since it was last asked about; 0 for the first time. */
  perSecond(about: string, count: number, atMs: number): number {
    const last = this.#rates.get(about)
    if (last !== undefined && atMs - last.atMs < this.#everyMs) return 0
    this.#rates.set(about, { count, atMs })
    if (last === undefined) return 0
    return Math.max(0, Math.round(((count - last.count) / (atMs - last.atMs)) * 1000))
  }
}

const format = new Intl.NumberFormat('en-US')

export function grouped(count: number): string {
  return format.format(count)
}

export function recordsText(count: number): string {
  return `${grouped(count)} ${count === 1 ? 'record' : 'records'}`
}
