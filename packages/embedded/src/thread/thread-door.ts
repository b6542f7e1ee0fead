import { codeOf, MillraceError, type MillraceErrorCode, messageOf, type ThreadPort } from '@millrace/kernel'
import type { ApiName, Connection, NodeAddress, RequestOf, Transport } from '@millrace/protocol/internal'
import { withBuffers } from './cloned-buffers.ts'
import type { SentError, ToEngine, ToThread } from './messages.ts'
import type { TailBoard } from './tail-board.ts'

/** The engine's end of one thread's link: each connection of the thread is a loopback connection here. */
export class ThreadDoor {
  readonly #port: ThreadPort
  readonly #transport: Transport
  readonly #node: NodeAddress
  readonly #board: TailBoard
  readonly #connections = new Map<number, Promise<Connection>>()
  /** Of fetches that the engine itself answers: they may wait. */
  readonly #polls = new Map<number, AbortController>()
  readonly #stopListening: () => void
  #closed = false

  constructor(port: ThreadPort, transport: Transport, node: NodeAddress, board: TailBoard) {
    this.#port = port
    this.#transport = transport
    this.#node = node
    this.#board = board
    this.#stopListening = board.onMoved(() => this.#post({ kind: 'moved' }))
    port.listen((message) => this.#receive(message as ToEngine)) // only our own thread's end writes here
  }

  /** The thread's connections end; it is told. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#post({ kind: 'closed' })
    this.#closed = true
    this.#stopListening()
    const closing = [...this.#connections.values()]
    this.#connections.clear()
    await Promise.all(closing.map((opening) => opening.then((connection) => connection.close()).catch(() => {})))
    this.#port.close()
  }

  #post(message: ToThread): void {
    if (!this.#closed) this.#port.post(message)
  }

  #receive(message: ToEngine): void {
    switch (message.kind) {
      case 'connect':
        this.#connect(message.connection)
        return
      case 'send':
        void this.#send(message)
        return
      case 'abort':
        this.#polls.get(message.id)?.abort()
        return
      case 'close':
        this.#close(message.connection)
        return
      case 'tail':
        this.#post({ kind: 'tail', id: message.id, tail: this.#board.post(message.topic, message.partition) })
        return
      case 'aborted': {
        const { id, topic, partition, from, to } = message
        this.#post({ kind: 'aborted', id, aborted: this.#board.aborted(topic, partition, from, to) })
        return
      }
    }
  }

  #connect(id: number): void {
    const opening = this.#transport.connect(this.#node)
    this.#connections.set(id, opening)
    opening.then(
      (connection) => {
        const { apiVersions, features } = connection
        this.#post({ kind: 'connected', connection: id, apiVersions, features })
        connection.closed.then((reason) => {
          this.#connections.delete(id)
          this.#post({ kind: 'lost', connection: id, error: reason === undefined ? undefined : sent(reason) })
        })
      },
      (error: unknown) => {
        this.#connections.delete(id)
        this.#post({ kind: 'lost', connection: id, error: sent(error) })
      },
    )
  }

  async #send(message: Extract<ToEngine, { kind: 'send' }>): Promise<void> {
    const { id, api } = message
    const abort = api === 'fetch' ? new AbortController() : undefined
    if (abort !== undefined) this.#polls.set(id, abort)
    try {
      const opening = this.#connections.get(message.connection)
      if (opening === undefined)
        throw new MillraceError('CONNECTION_LOST', 'the connection is closed', { place: 'thread' })
      const connection = await opening
      const request = withBuffers(message.request) as RequestOf<ApiName> // the thread's end typed it
      const response = await connection.send(api, request, {
        timeoutMs: message.timeoutMs,
        versionMax: message.versionMax,
        signal: abort?.signal,
      })
      this.#post({ kind: 'answer', id, response })
    } catch (error) {
      this.#post({ kind: 'failed', id, error: sent(error) })
    } finally {
      this.#polls.delete(id)
    }
  }

  #close(id: number): void {
    const opening = this.#connections.get(id)
    this.#connections.delete(id)
    opening?.then((connection) => connection.close()).catch(() => {})
  }
}

function sent(error: unknown): SentError {
  const code = codeOf(error)
  return { code: isOurs(error, code) ? error.code : 'CONNECTION_LOST', message: messageOf(error) }
}

function isOurs(error: unknown, code: string | undefined): error is { readonly code: MillraceErrorCode } {
  return error instanceof MillraceError && code !== undefined
}
