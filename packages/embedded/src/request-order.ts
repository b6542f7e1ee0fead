/** Lets answers out in the order of the requests, as a socket does, whatever order they become known in. */
export class RequestOrder {
  #last: Promise<unknown> = Promise.resolve()
  #open = 0

  /** What resolves like `answer`, but not before those that were asked for earlier. */
  inTurn<T>(answer: Promise<T>): Promise<T> {
    // Alone on the connection there is nothing to wait for: the usual case costs nothing.
    const alone = this.#open++ === 0
    const settled = () => {
      this.#open--
    }
    answer.then(settled, settled)
    const turn = alone ? answer : this.#last.then(() => answer)
    this.#last = turn.catch(() => undefined)
    return turn
  }
}
