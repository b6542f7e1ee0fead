import type { Clock, Histogram, Metrics } from '@millrace/kernel'

/** What one slice holds the thread for, but for the batch it is at. */
const sliceMs = 2
/** Nor does it go through more than these, but for the batch it is at, whatever the clock says. */
export const sliceBytesMax = 262_144
/** A turn of the event loop that took so long had work of others in it. */
const busyTurnMs = 0.3

/**
 * Lets work that takes long share its thread. Between two slices the event loop turns; where others had something to do in that
 * turn, the work rests as long as its slice was, so they have the thread for more than half of the time. And it keeps to a rate.
 */
export class TimeSlices {
  readonly #clock: Clock
  readonly #held: Histogram
  readonly #bytesPerMsMax: number
  readonly #bytesMax: number
  #beganMs: number
  /** Bytes of this slice. */
  #bytes = 0

  /** @param bytesPerSecondMax Infinity: no bound */
  constructor(clock: Clock, metrics: Metrics, bytesPerSecondMax: number) {
    this.#clock = clock
    this.#bytesPerMsMax = bytesPerSecondMax / 1000
    this.#bytesMax = Math.min(sliceBytesMax, this.#bytesPerMsMax * sliceMs)
    this.#beganMs = clock.monotonicMs()
    this.#held = metrics.histogram(
      'millrace_log_cleaner_slice_milliseconds',
      'How long the cleaner held the thread at a time.',
      undefined,
      [1, 2, 3, 5, 10, 20, 50, 100],
    )
  }

  /** A slice begins: the wait for something else before it does not count. */
  begin(): void {
    this.#beganMs = this.#clock.monotonicMs()
  }

  /** Whether the slice is over, after so many bytes more. */
  isDue(bytes: number): boolean {
    this.#bytes += bytes
    return this.#clock.monotonicMs() - this.#beganMs >= sliceMs || this.#bytes > this.#bytesMax
  }

  /** Resolves when the next slice may begin. */
  async rest(): Promise<void> {
    const clock = this.#clock
    const endMs = clock.monotonicMs()
    const heldMs = endMs - this.#beganMs
    this.#held.observe(heldMs)
    await clock.turn()
    const busyMs = clock.monotonicMs() - endMs > busyTurnMs ? heldMs : 0
    const pacedMs = this.#bytes / this.#bytesPerMsMax - heldMs
    const restMs = Math.ceil(Math.max(busyMs, pacedMs))
    if (restMs > 0) await clock.sleep(restMs)
    this.#bytes = 0
    this.begin()
  }
}
