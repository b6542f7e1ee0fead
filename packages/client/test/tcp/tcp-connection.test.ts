import { Buffer } from 'node:buffer'
import type { Clock, Socket } from '@millrace/kernel'
import { nodeNet, nodeRandom } from '@millrace/kernel/node'
import {
  type ApiName,
  type Connection,
  decodeRequest,
  decodeRequestHeader,
  encodeResponse,
  FrameSplitter,
  fill,
  type RequestHeader,
  type RequestOf,
  servedApis,
  zeroUuid,
} from '@millrace/protocol/internal'
import { afterEach, expect, test } from 'vitest'
import { tcpTransport } from '../../src/tcp/tcp-transport.ts'

const net = nodeNet()
const random = nodeRandom()
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** A clock whose timers fire when the test says so. */
function handClock(): Clock & { advance(ms: number): void } {
  let nowMs = 0
  const timers = new Set<{ at: number; callback: () => void }>()
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    after: (delayMs, callback) => {
      const timer = { at: nowMs + delayMs, callback }
      timers.add(timer)
      return { cancel: () => void timers.delete(timer) }
    },
    sleep: () => new Promise(() => {}),
    turn: () => Promise.resolve(),
    advance: (ms) => {
      nowMs += ms
      for (const timer of [...timers]) if (timer.at <= nowMs && timers.delete(timer)) timer.callback()
    },
  }
}

type Peer = (socket: Socket, header: RequestHeader, frame: Buffer) => void

/** A broker of a few lines: `peer` gets each request's frame. */
async function broker(peer: Peer): Promise<string> {
  const listener = await net.listen({ host: '127.0.0.1', port: 0 }, (socket) => {
    const splitter = new FrameSplitter(socket.remote)
    return {
      data: (bytes) => splitter.push(bytes, (frame) => peer(socket, decodeRequestHeader(frame), frame)),
      closed() {},
    }
  })
  closing.push(() => listener.close())
  return `127.0.0.1:${listener.port}`
}

type Versions = Partial<Record<ApiName, readonly [min: number, max: number]>>

/** Answers ApiVersions with these versions, or with all; everything else goes to `next`. */
function speaking(versions: Versions | undefined, next: Peer): Peer {
  const rows = [...servedApis.values()].map(({ key, name, served }) => {
    const [min, max] = versions?.[name] ?? [served.min, served.max]
    return { apiKey: key, minVersion: min, maxVersion: max }
  })
  const own = rows.find((row) => row.apiKey === 18)!
  return (socket, header, frame) => {
    if (header.apiKey !== 18) return next(socket, header, frame)
    const known = header.apiVersion <= own.maxVersion
    const response = fill('apiVersions', 'response', {
      errorCode: known ? 0 : 35,
      apiKeys: known ? rows : [own],
      finalizedFeatures: [{ name: 'transaction.version', minVersionLevel: 2, maxVersionLevel: 2 }],
    })
    socket.writeAll(encodeResponse('apiVersions', known ? header.apiVersion : 0, header.correlationId, response).pieces)
  }
}

async function connected(
  peer: Peer,
  options: { outstandingBytesMax?: number; clock?: Clock } = {},
): Promise<Connection> {
  const { clock = handClock(), ...rest } = options
  const transport = tcpTransport({
    bootstrap: [await broker(peer)],
    ports: { net, clock, random },
    clientId: 'test',
    ...rest,
  })
  const connection = await transport.connect(transport.bootstrap[0]!)
  closing.push(() => connection.close())
  return connection
}

const heartbeat = (memberId: string) => fill('heartbeat', 'request', { groupId: 'g', memberId, generationId: 1 })

/** Answers a heartbeat with the number in its member id as throttle time. */
function beat(socket: Socket, header: RequestHeader, frame: Buffer): void {
  const { memberId } = decodeRequest('heartbeat', header, frame)
  const response = fill('heartbeat', 'response', { throttleTimeMs: Number(memberId) })
  socket.writeAll(encodeResponse('heartbeat', header.apiVersion, header.correlationId, response).pieces)
}

test('requests are pipelined and answered in order', async () => {
  const connection = await connected(speaking(undefined, beat))
  const sent = Array.from({ length: 500 }, (_, i) => connection.send('heartbeat', heartbeat(`${i}`)))
  const answers = await Promise.all(sent)
  expect(answers.map((answer) => answer.throttleTimeMs)).toEqual(sent.map((_, i) => i))
  expect(connection.features.get('transaction.version')).toBe(2)
  expect(connection.principal).toBe('User:ANONYMOUS')
})

test('a peer with older versions is asked again, and spoken to as it understands', async () => {
  for (const max of [0, 1, 2, 3]) {
    const seen: number[] = []
    const peer: Peer = (socket, header, frame) => {
      seen.push(header.apiVersion)
      beat(socket, header, frame)
    }
    const connection = await connected(speaking({ apiVersions: [0, max], heartbeat: [0, max] }, peer))
    expect((await connection.send('heartbeat', heartbeat('7'))).throttleTimeMs).toBe(max === 0 ? 0 : 7)
    expect(seen).toEqual([max])
  }
})

test('a set field that the peer has no place for is refused before anything is sent', async () => {
  const connection = await connected(speaking({ heartbeat: [0, 2] }, beat))
  const request = { ...heartbeat('1'), groupInstanceId: 'static-1' }
  await expect(connection.send('heartbeat', request)).rejects.toMatchObject({
    code: 'UNSUPPORTED_VERSION',
    place: 'heartbeat v2 request, groupInstanceId',
  })
  await connection.send('heartbeat', heartbeat('1')) // the connection is as good as before
})

test('an API that the peer lacks is refused with what it has', async () => {
  const connection = await connected(speaking({ heartbeat: [9, 12] }, beat))
  await expect(connection.send('heartbeat', heartbeat('1'))).rejects.toThrow(/versions 9 to 12/)
})

test('topics without an id are asked for by name', async () => {
  const seen: [version: number, request: RequestOf<'fetch'>][] = []
  const connection = await connected(
    speaking(undefined, (socket, header, frame) => {
      const request = decodeRequest('fetch', header, frame)
      seen.push([header.apiVersion, request])
      const responses = request.topics.map(({ topic, topicId }) => ({ topic, topicId, partitions: [] }))
      const response = fill('fetch', 'response', { responses })
      socket.writeAll(encodeResponse('fetch', header.apiVersion, header.correlationId, response).pieces)
    }),
  )
  const topicId = Buffer.alloc(16, 7).toString('base64url')
  const ids = [topicId, zeroUuid]
  for (const id of ids) {
    const request = fill('fetch', 'request', { topics: [{ topic: 'a', topicId: id }] })
    const response = await connection.send('fetch', request)
    expect(response.responses).toEqual([{ topic: 'a', topicId: id, partitions: [] }])
  }
  expect(seen.map(([version]) => version)).toEqual([17, 12])
})

test('when the peer cuts the connection everything unanswered fails', async () => {
  let count = 0
  const connection = await connected(
    speaking(undefined, (socket, header, frame) => {
      if (++count === 3) socket.destroy()
      else if (count < 3) beat(socket, header, frame)
    }),
  )
  const sent = await Promise.allSettled(
    ['1', '2', '3', '4', '5'].map((id) => connection.send('heartbeat', heartbeat(id))),
  )
  expect(sent.map((outcome) => outcome.status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected', 'rejected'])
  for (const outcome of sent.slice(2)) expect(outcome).toMatchObject({ reason: { code: 'CONNECTION_LOST' } })
  expect(await connection.closed).toMatchObject({ code: 'CONNECTION_LOST' })
  await expect(connection.send('heartbeat', heartbeat('6'))).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
})

test('a request without an answer in time ends the connection', async () => {
  const clock = handClock()
  let seen = (): void => {}
  const twoSeen = new Promise<void>((resolve) => {
    let count = 0
    seen = () => {
      if (++count === 2) resolve()
    }
  })
  const connection = await connected(
    speaking(undefined, () => seen()),
    { clock },
  )
  const quick = connection.send('heartbeat', heartbeat('1'), { timeoutMs: 100 })
  const patient = connection.send('heartbeat', heartbeat('2'), { timeoutMs: 60_000 })
  const outcomes = Promise.allSettled([quick, patient])
  await twoSeen
  clock.advance(99)
  clock.advance(1)
  expect(await outcomes).toMatchObject([
    { reason: { code: 'REQUEST_TIMED_OUT' } },
    { reason: { code: 'CONNECTION_LOST' } },
  ])
  await connection.closed
})

test('a signal gives one request up; its late answer is not taken for the next', async () => {
  const held: (() => void)[] = []
  let arrived = (): void => {}
  const twoArrived = new Promise<void>((resolve) => {
    arrived = () => {
      if (held.length === 2) resolve()
    }
  })
  const connection = await connected(
    speaking(undefined, (socket, header, frame) => {
      held.push(() => beat(socket, header, frame))
      arrived()
    }),
  )
  const abort = new AbortController()
  const first = connection.send('heartbeat', heartbeat('1'), { signal: abort.signal })
  const second = connection.send('heartbeat', heartbeat('2'))
  await twoArrived
  abort.abort()
  await expect(first).rejects.toMatchObject({ code: 'ABORTED' })
  for (const answer of held) answer()
  expect((await second).throttleTimeMs).toBe(2)
})

test('an answer to something else ends the connection', async () => {
  const connection = await connected(
    speaking(undefined, (socket, header) => {
      const frame = encodeResponse(
        'heartbeat',
        header.apiVersion,
        header.correlationId + 1,
        fill('heartbeat', 'response', {}),
      )
      socket.writeAll(frame.pieces)
    }),
  )
  await expect(connection.send('heartbeat', heartbeat('1'))).rejects.toMatchObject({ code: 'CORRUPT_MESSAGE' })
  expect(await connection.closed).toMatchObject({ code: 'CORRUPT_MESSAGE' })
})

test('garbage instead of frames ends the connection, named', async () => {
  const connection = await connected(
    speaking(undefined, (socket) => void socket.write(Buffer.from('HTTP/1.1 400 Bad'))),
  )
  await expect(connection.send('heartbeat', heartbeat('1'))).rejects.toThrow(/This is HTTP/)
})

test('unanswered bytes are bounded: the next request waits for room', async () => {
  const held: (() => void)[] = []
  let arrived = (): void => {}
  const connection = await connected(
    speaking(undefined, (socket, header, frame) => {
      held.push(() => beat(socket, header, frame))
      arrived()
    }),
    { outstandingBytesMax: 60 },
  )
  const next = (): Promise<void> =>
    new Promise((resolve) => {
      arrived = resolve
    })
  const came = next()
  const sent = Array.from({ length: 6 }, (_, i) => connection.send('heartbeat', heartbeat(`${i}`)))
  await came
  const answers: number[] = []
  for (let i = 0; i < sent.length; i++) {
    if (held.length <= i) await next()
    expect(held.length - i).toBeLessThanOrEqual(3)
    held[i]!()
    answers.push((await sent[i]!).throttleTimeMs)
  }
  expect(answers).toEqual([0, 1, 2, 3, 4, 5])
})

test('produce with acks 0 resolves without an answer', async () => {
  let got: (request: RequestOf<'produce'>) => void = () => {}
  const request = new Promise<RequestOf<'produce'>>((resolve) => {
    got = resolve
  })
  const connection = await connected(
    speaking(undefined, (socket, header, frame) => {
      if (header.apiKey === 0) got(decodeRequest('produce', header, frame))
      else beat(socket, header, frame)
    }),
  )
  const records = Buffer.alloc(200_000, 'r')
  const partitionData = [{ index: 3, records }]
  const answer = await connection.send(
    'produce',
    fill('produce', 'request', { topicData: [{ name: 't', partitionData }] }),
  )
  expect(answer.responses).toEqual([])
  expect((await request).topicData[0]?.partitionData[0]?.records?.equals(records)).toBe(true)
  expect((await connection.send('heartbeat', heartbeat('4'))).throttleTimeMs).toBe(4)
})

test('connecting can be given up', async () => {
  const transport = tcpTransport({ bootstrap: [await broker(() => {})], ports: { net, clock: handClock(), random } })
  const abort = new AbortController()
  const connecting = transport.connect(transport.bootstrap[0]!, abort.signal)
  abort.abort()
  await expect(connecting).rejects.toMatchObject({ code: 'ABORTED' })
})

test('a bad option is refused with the right word', () => {
  const ports = { net, clock: handClock(), random }
  expect(() => tcpTransport({ bootstrap: ['localhost'], ports })).toThrow(/host:port \(got "localhost"\)/)
  expect(() => tcpTransport({ bootstrap: [], ports })).toThrow(/no address/)
  const misspelt = { bootstrap: ['a:1'], ports, clientID: 'x' }
  expect(() => tcpTransport(misspelt)).toThrow(/Did you mean clientId/)
  const { bootstrap } = tcpTransport({ bootstrap: ['[::1]:9092', 'b.example:1'], ports })
  expect(bootstrap).toEqual([
    { nodeId: -1, host: '::1', port: 9092 },
    { nodeId: -2, host: 'b.example', port: 1 },
  ])
})
