import { Buffer } from 'node:buffer'
import { apiNameOf, decodeResponse } from '@millrace/protocol/internal'
import { contract } from './exchange/contract.ts'

contract('metadata', {
  'every version': async (session) => {
    const topic = await session.topic('orders', { partitions: 2 })
    await session.everyVersion('one topic', 'metadata', { topics: [{ name: topic }], allowAutoTopicCreation: true })
    await session.everyVersion('no topic', 'metadata', { topics: [] }, { min: 1 })
  },

  'topics that are not there': async (session) => {
    const ask = (step: string, version: number, name: string | null, more: object = {}) =>
      session.ask(step, 'metadata', version, { topics: [{ name, ...more }], allowAutoTopicCreation: false })
    await ask('unknown', 9, session.name('nothing'))
    await ask('a bad name', 9, 'a b')
    await ask('no name', 9, '')
    await ask('a name of 250 characters', 9, 'x'.repeat(250))
    await ask('two dots', 9, '..')
    const other = { topicId: 'AAAAAAAAAAAAAAAAAAAAAQ' }
    await ask('an id that nobody has', 12, null, other)
    await ask('an id before ids were asked by', 11, null, other)
    await ask('an id with a name', 12, session.name('both'), other)
  },

  'a topic by its id': async (session) => {
    const topic = await session.topic('orders')
    const topicId = await session.topicId(topic)
    await session.everyVersion('by id', 'metadata', { topics: [{ topicId, name: null }] }, { min: 12 })
  },

  'a topic that is made by being asked for': async (session) => {
    const name = session.name('wanted')
    await session.ask('asked for', 'metadata', 9, { topics: [{ name }], allowAutoTopicCreation: true }, { quiet: true })
    await session.ready(name)
    await session.ask('there', 'metadata', 9, { topics: [{ name }], allowAutoTopicCreation: false })
    await session.ask('a bad name', 'metadata', 9, { topics: [{ name: 'a/b' }], allowAutoTopicCreation: true })
  },

  'the cluster': async (session) => {
    await session.everyVersion('described', 'describeCluster', { includeClusterAuthorizedOperations: false })
    await session.ask('with operations', 'describeCluster', 1, { includeClusterAuthorizedOperations: true })
    await session.ask('a type of endpoint that is none', 'describeCluster', 1, { endpointType: 9 })
    const topic = await session.topic('orders')
    await session.ask('operations on a topic', 'metadata', 10, {
      topics: [{ name: topic }],
      includeTopicAuthorizedOperations: true,
      includeClusterAuthorizedOperations: true,
    })
  },

  coordinators: async (session) => {
    const group = session.name('group')
    await session.everyVersion('of a group', 'findCoordinator', (version) =>
      version < 4 ? { key: group } : { coordinatorKeys: [group] },
    )
    await session.ask('of a type that is none', 'findCoordinator', 4, { keyType: 7, coordinatorKeys: [group] })
    await session.ask('of a share group, badly', 'findCoordinator', 6, { keyType: 2, coordinatorKeys: [group] })
    await session.ask('of nothing', 'findCoordinator', 4, { coordinatorKeys: [] })
    await session.ask('of a group without a name', 'findCoordinator', 4, { coordinatorKeys: [''] })
  },

  'what is offered': async (session) => {
    const { offered } = await session.connection()
    const named = [...offered].map(([key, { min, max }]) => [apiNameOf(key) ?? key, `${min} to ${max}`])
    session.note('APIs', Object.fromEntries(named))
    const answer = await session.ask(
      '',
      'apiVersions',
      4,
      { clientSoftwareName: 'a', clientSoftwareVersion: '1' },
      { quiet: true },
    )
    if (answer === 'closed') throw new Error('closed')
    const finalized = answer.finalizedFeatures.map(({ name, maxVersionLevel }) => [name, maxVersionLevel])
    session.note('features', Object.fromEntries(finalized))
  },

  'a version of ApiVersions to come': async (session) => {
    const connection = await session.connection()
    const frame = connection.encoded('apiVersions', 3, { clientSoftwareName: 'contract', clientSoftwareVersion: '1' })
    frame.writeInt16BE(99, 6)
    const answer = await connection.exchange(frame, (bytes) => decodeResponse('apiVersions', 0, bytes))
    session.note('what is answered', answer === 'closed' ? answer : { code: answer.errorCode, keys: answer.apiKeys })
    const again = await connection.ask('apiVersions', 0, {})
    session.note('the connection goes on', again === 'closed' ? again : again.errorCode)
  },

  'who asks for versions': async (session) => {
    const asked = (clientSoftwareName: string, clientSoftwareVersion: string) => ({
      clientSoftwareName,
      clientSoftwareVersion,
    })
    for (const [step, request] of [
      ['no name', asked('', '1')],
      ['no version', asked('contract', '')],
      ['spaces', asked('a b', '1')],
      ['good', asked('contract', '1.0-x')],
    ] as const) {
      const answer = await (await session.connection()).ask('apiVersions', 3, request)
      session.note(step, answer === 'closed' ? answer : answer.errorCode)
    }
  },

  'an API that is none, and a version that is none': async (session) => {
    for (const [step, key, version] of [
      ['key 999', 999, 0],
      ['metadata 77', 3, 77],
      ['fetch 3', 1, 3],
    ] as const) {
      const connection = await session.connection()
      const frame = connection.encoded('metadata', 9, { topics: [] })
      frame.writeInt16BE(key, 4)
      frame.writeInt16BE(version, 6)
      session.note(step, await connection.exchange(frame, () => 'answered'))
    }
    const connection = await session.connection()
    const cut = connection.encoded('metadata', 9, { topics: [{ name: 'orders' }] })
    session.note('a request cut short', await connection.exchange(shortened(cut, 6), () => 'answered'))
  },
})

/** The last `count` bytes left out, and the size made to fit. */
function shortened(frame: Buffer, count: number): Buffer {
  const cut = Buffer.from(frame.subarray(0, frame.length - count))
  cut.writeInt32BE(cut.length - 4, 0)
  return cut
}
