const SHAPES_MAX = 4
const CREDIT_FIRST = 256
const CREDIT_MAX = 4096
const MISS_COST = 16
const PAUSE_FIRST = 256
const PAUSE_MAX = 65_536

/** Generated code may be forbidden (--disallow-code-generation-from-strings): then nothing is ever learnt. */
const mayGenerate = canGenerate()

/**
 * The few shapes a codec has seen, the one that fitted last in front, and the decision when to learn another. Each
 * hit earns credit and
 * each miss costs some; without credit all shapes are dropped and nothing is learnt for a pause that doubles each
 * time: data that has no
 * shape costs a counter.
 */
export class Speculation<S> {
  readonly shapes: S[] = []
  hits = 0
  misses = 0
  /** Times that all shapes were dropped. */
  drifts = 0
  #credit = CREDIT_FIRST
  #pause = mayGenerate ? 0 : Number.POSITIVE_INFINITY
  #nextPause = PAUSE_FIRST

  /** The shape at `index` fitted. */
  hit(index: number): void {
    this.hits++
    if (this.#credit < CREDIT_MAX) this.#credit++
    if (index === 0) return
    const shape = this.shapes[index]!
    this.shapes.splice(index, 1)
    this.shapes.unshift(shape)
  }

  /** No shape fitted. True: learn one from this record. */
  miss(): boolean {
    this.misses++
    if (this.#pause > 0) {
      this.#pause--
      return false
    }
    this.#credit -= MISS_COST
    if (this.#credit < 0) {
      this.drifts++
      this.shapes.length = 0
      this.#credit = CREDIT_FIRST
      this.#pause = this.#nextPause
      this.#nextPause = Math.min(this.#nextPause * 2, PAUSE_MAX)
      return false
    }
    return this.shapes.length < SHAPES_MAX
  }

  learnt(shape: S): void {
    this.shapes.unshift(shape)
  }
}

function canGenerate(): boolean {
  try {
    return new Function('return true')() === true
  } catch {
    return false
  }
}
