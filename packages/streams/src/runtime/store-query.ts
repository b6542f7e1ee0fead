import { ByteWriter, messageOf } from '@millrace/kernel'
import { type KeyText, keyText } from '@millrace/store'
import type { TaskStore } from '../task/task-stores.ts'
import type { QueryAnswer, StoreQuery, WindowAnswer } from './thread-messages.ts'

/** Windows in one answer at most; a longer span must be asked for in parts. */
const windowsMax = 100_000

/**
 * Answers from a task's store, cache included. Windows come in ascending order. Never throws: a question must not stop
 * the thread.
 */
export function answerFrom(taskStore: TaskStore, query: StoreQuery): QueryAnswer {
  try {
    return find(taskStore, query)
  } catch (error) {
    return { kind: 'refused', message: `${query.store} under ${query.key}: ${messageOf(error)}` }
  }
}

function find(taskStore: TaskStore, query: StoreQuery): QueryAnswer {
  const key = textOf(taskStore, query.key)
  if (typeof key !== 'string') return key
  if (taskStore.kind === 'table') {
    if (query.fromMs !== undefined || query.toMs !== undefined) {
      return { kind: 'refused', message: `${query.store} has no windows: ask without from and to` }
    }
    const cell = taskStore.store.get(key)
    return cell === undefined ? { kind: 'missing' } : { kind: 'value', value: cell.value }
  }
  const { windowSizeMs } = taskStore.spec
  const { fromMs = 0, toMs = Number.MAX_SAFE_INTEGER } = query
  const windows: WindowAnswer[] = []
  for (const [start, cell] of taskStore.store.fetch(key, fromMs, toMs)) {
    if (windows.length === windowsMax) {
      return { kind: 'refused', message: `more than ${windowsMax} windows: ask for a shorter span with from and to` }
    }
    windows.push({ start, end: start + windowSizeMs, value: cell.value })
  }
  return windows.length === 0 ? { kind: 'missing' } : { kind: 'windows', windows }
}

/** The key's bytes as its serde writes them, from its text. */
function textOf(taskStore: TaskStore, key: string): KeyText | QueryAnswer {
  const { keySerde, name } = taskStore.spec
  if (keySerde.fromText === undefined) {
    return { kind: 'refused', message: `keys of ${name} (${keySerde.name}) cannot be written as text` }
  }
  try {
    const out = new ByteWriter(64)
    keySerde.write(keySerde.fromText(key), out)
    return keyText(out.bytes, 0, out.position)
  } catch (error) {
    return { kind: 'refused', message: messageOf(error) }
  }
}
