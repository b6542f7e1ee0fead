import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Waits until it holds. Apache Kafka answers a change when its controller, or its coordinator, has it: its brokers, and those who
 * read, see it a moment later. Whether it ever holds is up to the case's time limit.
 */
export async function eventually(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(20)
}
