import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** A process that was started with an order and answers once. */
export interface Child<Answer> {
  /** Rejects when the process ends without one. */
  readonly answer: Promise<Answer>
  /** Lets it close what it holds, and waits for its end. */
  end(): Promise<void>
}

/** Runs a module in a process of its own: what it then measures of itself is nobody else's. */
export function startChild<Order, Answer>(module: URL, order: Order, execArgv: readonly string[] = []): Child<Answer> {
  const child = fork(fileURLToPath(module), [JSON.stringify(order)], {
    execArgv: [...execArgv],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const ended = once(child, 'exit')
  const answer = new Promise<Answer>((resolve, reject) => {
    child.once('message', (message) => resolve(JSON.parse(String(message))))
    child.once('exit', (code, signal) => reject(new Error(`${module.pathname} ended early: ${signal ?? code}`)))
  })
  answer.catch(() => {})
  return {
    answer,
    async end() {
      if (child.connected) child.disconnect()
      await ended
    },
  }
}

/** As `startChild`, for a process that holds nothing. */
export async function askChild<Order, Answer>(
  module: URL,
  order: Order,
  execArgv: readonly string[] = [],
): Promise<Answer> {
  const child = startChild<Order, Answer>(module, order, execArgv)
  try {
    return await child.answer
  } finally {
    await child.end()
  }
}

/** The child's side. `work` may return a `close`, called when the answer has been made use of. */
export async function serveOrder<Order, Answer>(
  work: (order: Order) => Promise<{ readonly answer: Answer; close?(): Promise<void> }>,
): Promise<void> {
  const order: Order = JSON.parse(process.argv[2] ?? 'null')
  const released = once(process, 'disconnect')
  const { answer, close } = await work(order)
  process.send?.(JSON.stringify(answer))
  await released
  await close?.()
}
