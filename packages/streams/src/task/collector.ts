import type { Producer, TopicHandle } from '@millrace/client'

/**
 * Where a task writes: `append` and `full` as a producer has them; the task stops between records while it is full. The
 * runtime gives the thread's producer, the test driver a log in memory.
 */
export interface Collector extends Pick<Producer, 'append' | 'full'> {
  /** Of a topic that the plan lists as written. Synchronous: it was opened before the task was made. */
  handle(topic: string): TopicHandle
}
