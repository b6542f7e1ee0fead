import type { Client, Producer } from '@millrace/client'
import { type Log, messageOf } from '@millrace/kernel'
import { ensureCompacted } from './topic-reader.ts'

/** Kafka Connect's states; a connector can be STOPPED, a task UNASSIGNED. */
export type ConnectState = 'UNASSIGNED' | 'RUNNING' | 'PAUSED' | 'FAILED' | 'RESTARTING' | 'STOPPED'

/**
 * Writes states to a compacted topic in Kafka Connect's form, for tools that read it: `status-connector-<name>` and
 * `status-task-<name>-<n>` → `{ state, trace, worker_id, generation }`. Not waited for; what cannot be written is
 * logged.
 */
export class StatusStore {
  readonly #topic: string
  readonly #workerId: string
  readonly #producer: Producer
  readonly #log: Log

  static async open(client: Client, topic: string, workerId: string, log: Log): Promise<StatusStore> {
    await ensureCompacted(client, topic, 1)
    return new StatusStore(client.producer({ acks: 1, idempotent: false }), topic, workerId, log)
  }

  constructor(producer: Producer, topic: string, workerId: string, log: Log) {
    this.#producer = producer
    this.#topic = topic
    this.#workerId = workerId
    this.#log = log
  }

  connector(name: string, state: ConnectState, trace: string | undefined): void {
    this.#write(`status-connector-${name}`, this.#status(state, trace))
  }

  task(name: string, task: number, state: ConnectState, trace: string | undefined): void {
    this.#write(`status-task-${name}-${task}`, this.#status(state, trace))
  }

  remove(name: string, tasks: number): void {
    this.#write(`status-connector-${name}`, null)
    for (let task = 0; task < tasks; task++) this.#write(`status-task-${name}-${task}`, null)
  }

  async close(): Promise<void> {
    await this.#producer.close()
  }

  #status(state: ConnectState, trace: string | undefined): object {
    return { state, trace: trace ?? null, worker_id: this.#workerId, generation: 1 }
  }

  #write(key: string, value: object | null): void {
    const text = value === null ? null : JSON.stringify(value)
    this.#producer.send({ topic: this.#topic, partition: 0, key, value: text }).catch((error: unknown) => {
      this.#log.warn('a status was not written', { key, reason: messageOf(error) })
    })
  }
}
