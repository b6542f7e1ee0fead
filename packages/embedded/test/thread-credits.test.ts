import { apis, type Connection, emptyMessage, fill } from '@millrace/protocol/internal'
import { afterEach, expect, it } from 'vitest'
import { threadTransport } from '../src/index.ts'
import type { ToEngine } from '../src/thread/messages.ts'
import { testPorts } from './cluster-under-test.ts'

const { port1, port2 } = new MessageChannel()
afterEach(() => port1.close())

/** The engine's end: it opens connections at once, and answers requests when it is told to. */
class EngineEnd {
  readonly #port = testPorts().threads.adopt(port2)
  readonly #sent: number[] = []
  #noticed = () => {}

  constructor() {
    const apiVersions = new Map(Object.values(apis).map(({ key, versions }) => [key, versions] as const))
    this.#port.listen((message) => {
      const told = message as ToEngine // only the thread's end writes here
      if (told.kind === 'connect') {
        this.#port.post({ kind: 'connected', connection: told.connection, apiVersions, features: new Map() })
      } else if (told.kind === 'send') this.#sent.push(told.id)
      this.#noticed()
    })
  }

  /** Resolves once so many requests have come in all. */
  async sent(count: number): Promise<void> {
    while (this.#sent.length < count) {
      await new Promise<void>((resolve) => {
        this.#noticed = resolve
      })
    }
  }

  /** Answers the nth request. */
  answer(n: number): void {
    this.#port.post({ kind: 'answer', id: this.#sent[n], response: emptyMessage('heartbeat', 'response') })
  }
}

it('a credit that was meant for a connection that has closed goes to whoever waits behind it', async () => {
  const engine = new EngineEnd()
  const node = { nodeId: 1, host: 'engine', port: 1 }
  const transport = threadTransport({ node, port: port1 }, testPorts())
  const beat = (connection: Connection) => connection.send('heartbeat', fill('heartbeat', 'request', { groupId: 'g' }))
  const [busy, closing, waiting] = await Promise.all([1, 2, 3].map(() => transport.connect(node)))
  const all = Array.from({ length: 64 }, () => beat(busy!))
  const refused = expect(beat(closing!)).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
  const late = beat(waiting!)
  await engine.sent(64)
  await closing!.close()
  engine.answer(0)
  await Promise.all([all[0], refused])
  await engine.sent(65)
  engine.answer(64)
  expect(await late).toMatchObject({ errorCode: 0 })
  for (let n = 1; n < 64; n++) engine.answer(n)
  await Promise.all(all)
})
