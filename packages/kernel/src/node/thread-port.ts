import { MessagePort } from 'node:worker_threads'
import { MillraceError } from '../errors.ts'
import type { MessagePortLike, ThreadPort } from '../ports/threads.ts'

/** A Node MessagePort as a `ThreadPort`. It keeps its thread alive from `listen` until `close`. */
export function threadPort(port: MessagePort): ThreadPort {
  return {
    post: (message, move = []) => port.postMessage(message, move.map(movable)),
    listen(receive) {
      port.on('message', receive)
    },
    close: () => port.close(),
  }
}

/** @throws STATE for a value that is no port of this platform. */
export function portFrom(far: MessagePortLike): MessagePort {
  if (far instanceof MessagePort) return far
  throw new MillraceError('STATE', 'only a MessagePort of this process can be adopted', { place: 'threads' })
}

export function movable(item: ArrayBuffer | MessagePortLike): ArrayBuffer | MessagePort {
  return item instanceof ArrayBuffer ? item : portFrom(item)
}
