import type { Buffer } from 'node:buffer'
import * as net from 'node:net'

/**
 * What `net.Socket` takes around an open handle: Node makes its own accepted sockets so, and does not say it in its
 * types.
 */
interface AroundHandle extends net.SocketConstructorOpts, Pick<net.TcpSocketConnectOpts, 'onread'> {
  readonly handle: unknown
}

/**
 * An accepted connection, paused and not read from yet, as a socket that reads into `buffer`; undefined where this
 * cannot be had.
 *
 * Node makes 64 KiB of new memory for each read of a socket that was accepted, and V8 answers each 64 MiB of such
 * memory with a collection of the whole heap. `onread` reads into one buffer over and over, and only outgoing sockets
 * may ask for it. Here the connection moves from the socket that Node has made to one that may.
 *
 * On POSIX systems memory is asked for when bytes are there and handed over filled in the same call, so one buffer
 * serves all sockets of a thread. Windows is given the memory before there are bytes.
 */
export function readInto(
  buffer: Buffer,
  accepted: net.Socket,
  received: (bytes: Buffer) => void,
): net.Socket | undefined {
  const handle: unknown = Reflect.get(accepted, '_handle')
  if (process.platform === 'win32' || !takesBuffer(handle)) return undefined
  Reflect.set(accepted, '_handle', null)
  accepted.destroy() // an empty shell: its server does not wait for it
  const callback = (bytes: number): boolean => {
    received(buffer.subarray(0, bytes))
    return true
  }
  const options: AroundHandle = { handle, onread: { buffer, callback } }
  return new net.Socket(options)
}

function takesBuffer(handle: unknown): boolean {
  return (
    typeof handle === 'object' &&
    handle !== null &&
    'useUserBuffer' in handle &&
    typeof handle.useUserBuffer === 'function'
  )
}
