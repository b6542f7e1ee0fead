import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MillraceRoom, readPartition } from '../src/millrace-room.ts'

let room: MillraceRoom

beforeAll(async () => {
  room = await MillraceRoom.open()
  await room.createTopics('orders', 'large')
})

afterAll(() => room.close())

async function socket(): Promise<Socket> {
  const [host = '', port = ''] = room.millrace.address.split(':')
  const made = connect({ host, port: Number(port) })
  await once(made, 'connect')
  return made
}

/** A request of Kafka's protocol, by hand: api key, version, correlation id, no client id, body. */
function request(api: number, version: number, body: Buffer): Buffer {
  const header = Buffer.alloc(14)
  header.writeInt32BE(10 + body.length, 0)
  header.writeInt16BE(api, 4)
  header.writeInt16BE(version, 6)
  header.writeInt32BE(1, 8)
  header.writeInt16BE(-1, 12)
  return Buffer.concat([header, body])
}

/** Fetch version 4 of one partition from its beginning, as much as may be. */
function fetchRequest(topic: string): Buffer {
  const body = Buffer.alloc(17 + 4 + 2 + topic.length + 4 + 16)
  body.writeInt32BE(-1, 0) // replica
  body.writeInt32BE(100, 4) // max wait
  body.writeInt32BE(1, 8) // min bytes
  body.writeInt32BE(50_000_000, 12)
  body.writeInt8(0, 16) // isolation
  body.writeInt32BE(1, 17)
  body.writeInt16BE(topic.length, 21)
  body.write(topic, 23)
  const at = 23 + topic.length
  body.writeInt32BE(1, at)
  body.writeInt32BE(0, at + 4) // partition
  body.writeBigInt64BE(0n, at + 8)
  body.writeInt32BE(50_000_000, at + 16)
  return request(1, 4, body)
}

test('while others send garbage, frames of 2 GiB and nothing but requests, nobody else notices', async () => {
  const megabyte = 'x'.repeat(900_000)
  const filler = room.millrace.client.producer()
  for (let i = 0; i < 20; i++) await filler.send({ topic: 'large', value: megabyte })
  await filler.close()

  // Asks for 20 MB again and again and reads none of it.
  const deaf = await socket()
  deaf.pause()
  deaf.on('error', () => {})
  const before = process.memoryUsage().rss
  for (let i = 0; i < 100; i++) deaf.write(fetchRequest('large'))

  const nonsense = [
    Buffer.from('GET / HTTP/1.1\r\nHost: here\r\n\r\n'),
    Buffer.from([0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 18]),
    Buffer.from([0x80, 0, 0, 0]),
    Buffer.alloc(100_000, 0xa5),
    request(18, 3, Buffer.from([0xff, 0xff, 0xff, 0xff])),
    request(0, 9, Buffer.alloc(50, 0xee)),
  ]
  const client = room.client()
  const producer = client.producer()
  const values = Array.from({ length: 5000 }, (_, i) => `order ${i}`)
  const acknowledged: string[] = []
  const sending = Promise.all(
    values.map((value) => producer.send({ topic: 'orders', value }).then(() => acknowledged.push(value))),
  )
  for (const bytes of nonsense) {
    const bad = await socket()
    bad.on('error', () => {}) // a reset is an end, too
    bad.resume()
    const closed = new Promise((resolve) => bad.once('close', resolve))
    bad.write(bytes)
    await closed // its own connection is all that it costs
  }
  await sending
  expect(acknowledged).toEqual(values)
  expect((await readPartition(client, 'orders', 0)).map(({ value }) => value)).toEqual(values)
  // 100 answers of 20 MB wait to be asked for again; a few at most are held for the deaf one.
  expect(process.memoryUsage().rss - before).toBeLessThan(500_000_000)
  deaf.destroy()
})
