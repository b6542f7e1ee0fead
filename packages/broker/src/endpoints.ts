export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** Of a listener that has no address, such as loopback: nobody dials it. */
const nowhere: Endpoint = { host: 'localhost', port: 0 }

/** Under which address each listener is reached: what Metadata tells a client depends on the door it came in by. */
export class Endpoints {
  readonly #byListener = new Map<string, Endpoint>()

  add(listener: string, endpoint: Endpoint): void {
    this.#byListener.set(listener, endpoint)
  }

  remove(listener: string): void {
    this.#byListener.delete(listener)
  }

  of(listener: string): Endpoint {
    return this.#byListener.get(listener) ?? nowhere
  }
}
