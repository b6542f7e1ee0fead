import { createClient } from '@millrace/client'
import { type Clock, MillraceError } from '@millrace/kernel'
import type { ApiName, Connection, Transport } from '@millrace/protocol/internal'
import { defineTopology, string, topic } from '@millrace/streams'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { StreamsRoom } from '../src/streams-room.ts'

let room: StreamsRoom
beforeEach(async () => {
  room = await StreamsRoom.open()
  await room.topics({ words: 2, loud: 2 })
})
afterEach(() => room.close())

/** Time limits of the client, half a minute long, are over so many times sooner. */
const haste = 100

function hasty(clock: Clock): Clock {
  return {
    ...clock,
    monotonicMs: () => clock.monotonicMs() * haste,
    after: (delayMs, callback, background) => clock.after(delayMs / haste, callback, background),
    sleep: (delayMs, signal) => clock.sleep(delayMs / haste, signal),
  }
}

/** A transport on which some requests come to nothing for as long as `out` says so. */
function failing(inner: Transport, out: (api: ApiName) => boolean): Transport {
  const wrap = (connection: Connection): Connection => ({
    node: connection.node,
    apiVersions: connection.apiVersions,
    features: connection.features,
    principal: connection.principal,
    closed: connection.closed,
    close: () => connection.close(),
    send: async (api, request, options) => {
      if (out(api)) throw new MillraceError('CONNECTION_LOST', 'nobody answers')
      return connection.send(api, request, options)
    },
  })
  return { bootstrap: inner.bootstrap, connect: async (node, signal) => wrap(await inner.connect(node, signal)) }
}

const words = topic('words', { key: string(), value: string() })
const loud = topic('loud', { key: string(), value: string() })

test.each(['offsetFetch', 'listOffsets'] as const)(
  'an outage of %s while tasks are assigned, longer than the client waits, stops nobody',
  async (api) => {
    let out = true
    const ports = { ...room.ports, clock: hasty(room.ports.clock) }
    const transport = failing(room.engine.loopback(), (asked) => out && asked === api)
    const topology = defineTopology('shout', ({ stream }) => {
      stream(words)
        .mapValues((word) => word.toUpperCase())
        .to(loud)
    })
    await room.write('words', [{ key: 'k', value: 'quiet', timestampMs: 1_700_000_000_000 }])
    await room.run(topology, { client: () => createClient({ transport, ports }) })
    await room.until(() => room.warnings.some((warning) => warning.startsWith('brokers cannot say yet')))
    out = false
    await room.processed('shout', ['words'])
    expect((await room.read('loud')).map(({ value }) => value)).toEqual(['QUIET'])
  },
)
