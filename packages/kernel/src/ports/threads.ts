/** One end of a pair. Structured-cloneable values only; listed buffers and ports are moved, not copied. */
export interface ThreadPort {
  post(message: unknown, move?: readonly (ArrayBuffer | MessagePortLike)[]): void
  /** Messages that came before a listener was set are kept and given to it. */
  listen(receive: (message: unknown) => void): void
  close(): void
}

/** Node's MessagePort, opaque: can only be sent along, or closed where nobody took it. */
export interface MessagePortLike {
  close(): void
}

/** A running thread. */
export interface Thread {
  readonly port: ThreadPort
  /** Settles when the thread has ended: undefined for a clean end, else why it died. */
  readonly ended: Promise<Error | undefined>
  /** Ends it without asking. */
  terminate(): Promise<void>
  /** CPU seconds used so far, where the platform tells; else undefined. */
  cpuSeconds(): Promise<number | undefined>
}

export interface Threads {
  /**
   * Starts a module in a worker thread. The module's default export is called as
   * `start(data: unknown, port: ThreadPort)`. TypeScript modules run as they are.
   */
  start(
    module: URL,
    options: {
      readonly name: string
      readonly data: unknown
      readonly move?: readonly (ArrayBuffer | MessagePortLike)[]
    },
  ): Thread
  /** A fresh pair: keep one end, move the other to a thread. */
  channel(): { readonly near: ThreadPort; readonly far: MessagePortLike }
  /** The end that came in a message, as a port. */
  adopt(far: MessagePortLike): ThreadPort
}
