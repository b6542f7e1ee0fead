/** What one stage has done so far. */
export interface StageProgress {
  readonly name: string
  readonly records: number
  /** How many there will be; undefined while it is not known. */
  readonly total: number | undefined
  /** Records that wait in front of the stage. */
  readonly lag: number | undefined
  /** Something a person should see: "retrying since 12:03, connection refused". */
  readonly note: string | undefined
}

const number = new Intl.NumberFormat('en-US')

/**
 * Shows the stages: redrawn in place on a terminal, a plain line a stage every few seconds when piped. Rates are over
 * the time since
 * the last drawing, smoothed.
 */
export class ProgressDisplay {
  readonly #out: NodeJS.WriteStream
  readonly #rates = new Map<string, { records: number; atMs: number; perSecond: number }>()
  #linesDrawn = 0
  #lastPlainMs = 0

  constructor(out: NodeJS.WriteStream) {
    this.#out = out
  }

  draw(stages: readonly StageProgress[], elapsedMs: number): void {
    if (!this.#out.isTTY) {
      if (elapsedMs - this.#lastPlainMs < 3000) return
      this.#lastPlainMs = elapsedMs
    }
    this.#show(stages, elapsedMs)
  }

  /** Shows the end, whenever the last drawing was, and leaves it where it is; what follows is written below. */
  finish(stages: readonly StageProgress[], elapsedMs: number): void {
    this.#show(stages, elapsedMs)
    this.#linesDrawn = 0
  }

  #show(stages: readonly StageProgress[], elapsedMs: number): void {
    const lines = stages.map((stage) => this.#line(stage, elapsedMs))
    if (this.#out.isTTY) this.#redraw([`  ${seconds(elapsedMs)}`, ...lines])
    else this.#out.write(`${lines.map((line) => `${seconds(elapsedMs)} ${line.trim()}`).join('\n')}\n`)
  }

  #redraw(lines: readonly string[]): void {
    const up = this.#linesDrawn === 0 ? '' : `\x1b[${this.#linesDrawn}A`
    const width = Math.max(20, (this.#out.columns ?? 120) - 1)
    this.#out.write(`${up}${lines.map((line) => `\x1b[2K${line.slice(0, width)}`).join('\n')}\n`)
    this.#linesDrawn = lines.length
  }

  #line(stage: StageProgress, elapsedMs: number): string {
    const perSecond = this.#rate(stage, elapsedMs)
    const parts = [
      `  ${stage.name.padEnd(22)}`,
      `${number.format(stage.records).padStart(10)}`,
      `${number.format(Math.round(perSecond)).padStart(9)}/s`,
      stage.lag === undefined ? ' '.repeat(14) : `  lag ${number.format(stage.lag).padStart(8)}`,
      percent(stage),
      stage.note ?? '',
    ]
    return parts.join(' ').trimEnd()
  }

  #rate(stage: StageProgress, atMs: number): number {
    const last = this.#rates.get(stage.name)
    if (last === undefined) {
      this.#rates.set(stage.name, { records: stage.records, atMs, perSecond: 0 })
      return 0
    }
    const now = ((stage.records - last.records) / Math.max(1, atMs - last.atMs)) * 1000
    const perSecond = last.perSecond === 0 ? now : last.perSecond * 0.6 + now * 0.4
    this.#rates.set(stage.name, { records: stage.records, atMs, perSecond })
    return perSecond
  }
}

function percent(stage: StageProgress): string {
  if (stage.total === undefined) return '     '
  const done = stage.total === 0 ? 100 : Math.min(100, Math.floor((stage.records / stage.total) * 100))
  return `${String(done).padStart(3)} %`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1).padStart(6)} s`
}
