/** What a task must close, in the reverse order of opening. One that fails does not keep the others from closing. */
export class Closing {
  readonly #steps: (() => Promise<void>)[] = []

  add(step: () => Promise<void>): void {
    this.#steps.push(step)
  }

  /** @throws the first error, after all steps. */
  async close(): Promise<void> {
    let first: { readonly error: unknown } | undefined
    for (const step of this.#steps.splice(0).reverse()) {
      try {
        await step()
      } catch (error) {
        first ??= { error }
      }
    }
    if (first !== undefined) throw first.error
  }

  /** Runs `work` and closes after it. An error of the work goes before one of closing. */
  async around<T>(work: () => Promise<T>): Promise<T> {
    let result: T
    try {
      result = await work()
    } catch (error) {
      await this.close().catch(() => undefined) // the work's error is the news
      throw error
    }
    await this.close()
    return result
  }
}
