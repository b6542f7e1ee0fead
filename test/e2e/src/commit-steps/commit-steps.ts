import { MillraceError } from '@millrace/kernel'

/** A blow falls before a step is done, or when it has been done and nobody knows yet. */
export type Moment = 'before' | 'after'

/** Who meets a blow. `network`: nobody, but the connection is lost. */
export type Victim = 'instance' | 'broker' | 'network'

export interface Blows {
  /** Steps that meet one, counted from 0 over all lives of the victims. */
  readonly at: readonly number[]
  readonly moment: Moment
  /** Of the blows, in turn. */
  readonly victims: readonly Victim[]
}

/** Does the blow; resolves when it is over. */
export type Strike = (victim: Victim, step: number) => Promise<void>

/** The steps of commits as they come, requests and local writes alike, and the blows that fall on them. */
export class CommitSteps {
  /** What each step was. */
  readonly met: string[] = []
  #fallen = 0
  #isEnded = false
  readonly #blows: Blows
  readonly #strike: Strike
  #over: Promise<void> = Promise.resolve()

  constructor(blows: Blows, strike: Strike) {
    this.#blows = blows
    this.#strike = strike
  }

  get fallen(): number {
    return this.#fallen
  }

  /** No more blows. Resolves when those that fell are over. */
  end(): Promise<void> {
    this.#isEnded = true
    return this.#over
  }

  /** A step that asks the cluster. @throws CONNECTION_LOST when a blow falls on it */
  async around<T>(name: string, step: () => Promise<T>): Promise<T> {
    const victim = this.#victimOf(name)
    if (victim === undefined) return step()
    await this.#tracked(async () => {
      // Whatever comes of it: nobody is told.
      if (this.#blows.moment === 'after') await step().catch(() => undefined)
      await this.#strike(victim, this.met.length)
    })
    throw lost()
  }

  /** A step in the instance alone, which does not wait. @throws CONNECTION_LOST when the instance is killed in it */
  aroundNow(name: string, step: () => void): void {
    const victim = this.#victimOf(name)
    if (victim === undefined || victim !== 'instance' || this.#blows.moment === 'after') step()
    if (victim === undefined) return
    void this.#tracked(() => this.#strike(victim, this.met.length))
    if (victim === 'instance') throw lost()
  }

  #victimOf(name: string): Victim | undefined {
    const step = this.met.push(name) - 1
    if (this.#isEnded || !this.#blows.at.includes(step)) return undefined
    const { victims } = this.#blows
    return victims[this.#fallen++ % victims.length]
  }

  /** From when the step is chosen: it may take a while to be done. */
  #tracked(blow: () => Promise<void>): Promise<void> {
    const over = blow()
    this.#over = Promise.all([this.#over, over]).then(() => undefined)
    return over
  }
}

export function lost(): MillraceError {
  return new MillraceError('CONNECTION_LOST', 'lost by the test')
}
