import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket, SocketHandlers } from '@millrace/kernel'
import { afterEach, expect, test } from 'vitest'
import { nodeNet } from '../src/node/net.ts'

const net = nodeNet({ writeBufferMax: 64 * 1024 })
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** Collects what arrives, and the end. */
function collector(): SocketHandlers & { bytes: () => Buffer; end: Promise<Error | undefined> } {
  const chunks: Buffer[] = []
  let closed: (error: Error | undefined) => void
  const end = new Promise<Error | undefined>((resolve) => {
    closed = resolve
  })
  return {
    data: (chunk) => chunks.push(Buffer.from(chunk)),
    closed: (error) => closed(error),
    bytes: () => Buffer.concat(chunks),
    end,
  }
}

async function server(accept: (socket: Socket) => SocketHandlers) {
  const listener = await net.listen({ host: '127.0.0.1', port: 0 }, accept)
  closing.push(() => listener.close())
  return { host: '127.0.0.1', port: listener.port, timeoutMs: 10_000 }
}

test('bytes come back in order, however they were cut', async () => {
  const address = await server((socket) => ({ data: (bytes) => socket.write(Buffer.from(bytes)), closed() {} }))
  const got = collector()
  const all = Buffer.alloc(3_000_000, 'abcdefghij')
  const whole = new Promise<void>((resolve) => {
    const data = got.data
    let seen = 0
    got.data = (chunk) => {
      data(chunk)
      seen += chunk.length
      if (seen === all.length) resolve()
    }
  })
  const socket = await net.connect(address, got)
  for (let at = 0; at < all.length; at += 100_000) {
    const full = !socket.writeAll([all.subarray(at, at + 10), all.subarray(at + 10, at + 100_000)])
    if (full) await socket.drained()
  }
  await whole
  expect(got.bytes().equals(all)).toBe(true)
  socket.end()
  expect(await got.end).toBe(undefined)
})

/** A socket to a peer that does not read before it is told to resume. */
async function unread() {
  let accept: (socket: Socket) => void = () => {}
  const accepted = new Promise<Socket>((resolve) => {
    accept = resolve
  })
  const address = await server((socket) => {
    socket.pause()
    accept(socket)
    return { data() {}, closed() {} }
  })
  const got = collector()
  const socket = await net.connect(address, got)
  return { socket, got, peer: await accepted }
}

test('a peer that does not read fills the queue, and the writer is told', async () => {
  const { socket, got, peer } = await unread()
  const piece = Buffer.alloc(1 << 20)
  let writes = 1
  while (socket.write(piece)) writes++
  expect(writes).toBeLessThan(64)
  expect(socket.queuedBytes).toBeGreaterThan(64 * 1024)
  const drained = socket.drained()
  peer.resume()
  await drained
  expect(socket.queuedBytes).toBe(0)
  socket.destroy()
  await got.end
})

test('pieces are done when the last of them is sent, and not before', async () => {
  const { socket, got, peer } = await unread()
  const pieces = Array.from({ length: 64 }, () => Buffer.alloc(1 << 20)) // more than the system takes
  let done = 0
  const sent = new Promise<void>((resolve) => {
    socket.writeAll(pieces, () => {
      done++
      resolve()
    })
  })
  expect([done, socket.queuedBytes > 0]).toEqual([0, true])
  peer.resume()
  await sent
  expect(socket.queuedBytes).toBe(0)
  socket.destroy()
  await got.end
  expect(done).toBe(1)
})

test('pieces that are never sent are done with the end of the socket', async () => {
  const address = await server((socket) => {
    socket.pause()
    return { data() {}, closed() {} }
  })
  const order: string[] = []
  const got = collector()
  const { closed } = got
  got.closed = (error) => {
    order.push('closed')
    closed(error)
  }
  const socket = await net.connect(address, got)
  const pieces = Array.from({ length: 64 }, () => Buffer.alloc(1 << 20))
  socket.writeAll(pieces, () => order.push('first'))
  socket.writeAll(pieces, () => order.push('second'))
  socket.destroy()
  expect(order).toEqual([]) // the system may still have them
  await got.end
  expect(order).toEqual(['first', 'second', 'closed'])
  expect(socket.writeAll(pieces, () => order.push('too late'))).toBe(false)
  expect(order.at(-1)).toBe('too late')
})

test('waiting for a drain ends with the connection', async () => {
  const address = await server((socket) => {
    socket.pause()
    return { data() {}, closed() {} }
  })
  const got = collector()
  const socket = await net.connect(address, got)
  while (socket.write(Buffer.alloc(1 << 20)));
  const drained = socket.drained()
  socket.destroy()
  await drained
  expect(await got.end).toBe(undefined)
  expect(socket.write(Buffer.alloc(1))).toBe(false)
})

/** Windows is given memory before there are bytes, so that each of its reads needs its own. */
test.runIf(process.platform !== 'win32')(
  'accepted connections read into one buffer, whatever this Node is',
  async () => {
    const memory = new Set<unknown>()
    const address = await server((socket) => ({
      data(bytes) {
        memory.add(bytes.buffer)
        socket.write(Buffer.from(bytes))
      },
      closed() {},
    }))
    for (const text of ['first', 'second', 'third']) {
      const got = collector()
      const answered = new Promise<void>((resolve) => {
        const { data } = got
        got.data = (bytes) => {
          data(bytes)
          if (got.bytes().length === text.length) resolve()
        }
      })
      const socket = await net.connect(address, got)
      socket.write(Buffer.from(text))
      await answered
      expect(got.bytes().toString()).toBe(text)
      socket.end()
      expect(await got.end).toBe(undefined)
    }
    expect(memory.size).toBe(1)
  },
)

test('an accepted connection that was paused is told of its end once it resumes', async () => {
  const { socket, got, peer } = await unread()
  socket.write(Buffer.from('unread'))
  socket.end()
  peer.resume()
  expect(await got.end).toBe(undefined)
})

test('a connection that its client resets is closed with a reason', async () => {
  let closed: (error: Error | undefined) => void = () => {}
  const end = new Promise<Error | undefined>((resolve) => {
    closed = resolve
  })
  const address = await server((socket) => ({
    data: (bytes) => socket.write(Buffer.from(bytes)),
    closed: (error) => closed(error),
  }))
  const stream = connect(address.port, address.host)
  stream.write('x')
  await once(stream, 'data') // both are at rest
  stream.resetAndDestroy()
  expect(await end).toMatchObject({ code: 'CONNECTION_LOST' })
})

test('what is written in one turn arrives in order, small and large, and before the end', async () => {
  const small = Buffer.from('small')
  const large = Buffer.alloc(200_000, 'large')
  const pieces = [small, large, small, small, large, small]
  let done = 0
  const address = await server((socket) => ({
    data() {
      for (const piece of pieces) socket.writeAll([piece], () => done++)
      socket.write(small)
      socket.end()
    },
    closed() {},
  }))
  const got = collector()
  const socket = await net.connect(address, got)
  socket.write(Buffer.from('go'))
  expect(await got.end).toBe(undefined)
  expect(got.bytes().equals(Buffer.concat([...pieces, small]))).toBe(true)
  expect(done).toBe(pieces.length)
})

test('what was written before a connection is destroyed still leaves', async () => {
  const address = await server((socket) => ({
    data() {
      socket.write(Buffer.from('last words'))
      socket.destroy()
    },
    closed() {},
  }))
  const got = collector()
  const socket = await net.connect(address, got)
  socket.write(Buffer.from('go'))
  await got.end
  expect(got.bytes().toString()).toBe('last words')
})

test('a handler that throws costs its own connection', async () => {
  const ends: (Error | undefined)[] = []
  const address = await server(() => ({
    data() {
      throw new Error('cannot read this')
    },
    closed: (error) => ends.push(error),
  }))
  const got = collector()
  const socket = await net.connect(address, got)
  socket.write(Buffer.from('x'))
  await got.end
  expect(String(ends[0])).toContain('cannot read this')
  const again = collector()
  const second = await net.connect(address, again)
  second.destroy()
  await again.end
})

test('closing the listener frees the port and keeps its connections', async () => {
  let accepted = (): void => {}
  const peer = new Promise<void>((resolve) => {
    accepted = resolve
  })
  const listen = (port: number) =>
    net.listen({ host: '127.0.0.1', port }, (socket) => {
      accepted()
      return { data: (bytes) => socket.write(Buffer.from(bytes)), closed() {} }
    })
  const first = await listen(0)
  const got = collector()
  const echoed = new Promise<void>((resolve) => {
    const { data } = got
    got.data = (bytes) => {
      data(bytes)
      resolve()
    }
  })
  const socket = await net.connect({ host: '127.0.0.1', port: first.port, timeoutMs: 10_000 }, got)
  await peer
  await first.close()
  const second = await listen(first.port)
  await second.close()
  socket.write(Buffer.from('still here'))
  await echoed
  expect(got.bytes().toString()).toBe('still here')
  socket.destroy()
  await got.end
})

test('a taken port is named, with the way out', async () => {
  const { port } = await server(() => ({ data() {}, closed() {} }))
  const taken = net.listen({ host: '127.0.0.1', port }, () => ({ data() {}, closed() {} }))
  await expect(taken).rejects.toMatchObject({
    code: 'CONFIG',
    message:
      `listen 127.0.0.1:${port}: the port is taken by another process. ` +
      'Stop it or choose another port; port 0 takes a free one.',
  })
})

test.each([-1, 65_536, 0.5, Number.NaN])('port %d is refused', async (port) => {
  const refused = net.listen({ host: '127.0.0.1', port }, () => ({ data() {}, closed() {} }))
  await expect(refused).rejects.toMatchObject({ code: 'CONFIG', place: 'listen 127.0.0.1' })
})

test('nobody listening is named', async () => {
  const free = await net.listen({ host: '127.0.0.1', port: 0 }, () => ({ data() {}, closed() {} }))
  await free.close()
  const refused = net.connect({ host: '127.0.0.1', port: free.port, timeoutMs: 10_000 }, collector())
  await expect(refused).rejects.toMatchObject({ code: 'CONNECTION_REFUSED', place: `127.0.0.1:${free.port}` })
})
