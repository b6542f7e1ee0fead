import { defineTopology, string, topic } from '@millrace/streams'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type InputRecord, StreamsRoom } from '../src/streams-room.ts'

let room: StreamsRoom
beforeEach(async () => {
  room = await StreamsRoom.open()
  await room.topics({ words: 2, loud: 2 })
})
afterEach(() => room.close())

const words = topic('words', { key: string(), value: string() })
const loud = topic('loud', { key: string(), value: string() })

/** Says how far its work has come, in the middle of a transaction. */
function shout(said: string[]) {
  return defineTopology('shout', ({ stream }) => {
    stream(words)
      .mapValues((word) => {
        said.push(word)
        return word.toUpperCase()
      })
      .to(loud)
  })
}

const input = (from: number, to: number): InputRecord[] =>
  Array.from({ length: to - from }, (_, i) => ({ key: `k${i}`, value: `w${from + i}`, timestampMs: 1_700_000_000_000 }))

/** An administrator takes the members out of the group, as the coordinator does with whoever it has not heard of. */
async function removeMembers(groupId: string): Promise<void> {
  const [described] = await room.client.admin().describeGroups([groupId])
  const members = (described?.members ?? []).map(({ memberId, groupInstanceId }) => {
    return { memberId, groupInstanceId, reason: 'removed by the test' }
  })
  const transport = room.engine.loopback()
  const connection = await transport.connect(transport.bootstrap[0]!)
  const answer = await connection.send('leaveGroup', { groupId, memberId: '', members })
  expect(answer.members.map(({ errorCode }) => errorCode)).toEqual(members.map(() => 0))
  await connection.close()
}

test('what was written in a membership that is over is not committed with what comes after', async () => {
  const said: string[] = []
  // All of it is one transaction, each time: it commits when it is closed.
  const options = { processing: 'exactly-once', commitIntervalMs: 60_000, transactionTimeoutMs: 120_000 } as const
  const app = await room.run(shout(said), options)
  await room.write('words', input(0, 40))
  await room.until(() => said.length === 40)
  await removeMembers('shout')
  await room.until(() => said.length === 80)
  await app.close()
  await room.processed('shout', ['words'], [])
  const written = (await room.read('loud')).map(({ value }) => value).sort()
  expect(written).toEqual(
    input(0, 40)
      .map(({ value }) => value.toUpperCase())
      .sort(),
  )
  expect(said).toHaveLength(80)
})
