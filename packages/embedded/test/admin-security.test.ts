import type { Acl, Admin } from '@millrace/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { plain, SecureEngine, scram } from './secure-engine.ts'

let secure: SecureEngine
let admin: Admin

beforeAll(async () => {
  secure = await new SecureEngine({
    listeners: 'SASL_PLAINTEXT://127.0.0.1:0',
    'authorizer.class.name': 'acl',
    'super.users': 'User:admin',
  }).start()
  await secure.addUser('admin', 'secret')
  admin = secure.client({ sasl: plain('admin', 'secret') }).admin()
  await admin.createTopics([{ name: 'orders', partitions: 1 }])
})
afterAll(() => secure.stop())

const byName = (a: Acl, b: Acl) => (a.name < b.name ? -1 : 1)

describe('ACLs by the admin, over TCP', () => {
  const write: Acl = { resource: 'topic', name: 'ord', pattern: 'prefixed', principal: 'User:bob', operation: 'write' }
  const read: Acl = { resource: 'group', name: 'readers', principal: 'User:bob', operation: 'read', host: '127.0.0.1' }
  const complete = [
    { ...read, pattern: 'literal', permission: 'allow' },
    { ...write, host: '*', permission: 'allow' },
  ].sort((a, b) => (a.name < b.name ? -1 : 1))

  test('are made, found by what they say, and deleted', async () => {
    await admin.createAcls([write, read])
    expect([...(await admin.describeAcls())].sort(byName)).toEqual(complete)
    expect(await admin.describeAcls({ resource: 'group' })).toMatchObject([{ name: 'readers', host: '127.0.0.1' }])
    expect(await admin.describeAcls({ resource: 'topic', name: 'orders', pattern: 'match' })).toMatchObject([
      { name: 'ord', pattern: 'prefixed' },
    ])
    expect(await admin.describeAcls({ permission: 'deny' })).toEqual([])
    expect(await admin.deleteAcls([{ operation: 'write' }])).toMatchObject([{ name: 'ord', principal: 'User:bob' }])
    expect(await admin.describeAcls()).toMatchObject([{ name: 'readers' }])
    await admin.deleteAcls([{}])
    expect(await admin.describeAcls()).toEqual([])
  })

  test('let a user do what he could not, and no more', async () => {
    await secure.addUser('bob', 'secret')
    const client = secure.client({ sasl: plain('bob', 'secret') })
    const bob = client.admin()
    expect(await bob.listTopics()).toEqual([])
    await admin.createAcls([write])
    expect(await bob.listTopics()).toEqual(['orders'])
    const { offset } = await client.producer().send({ topic: 'orders', value: 'one' })
    expect(offset).toBe(0)
    for (const denied of [bob.describeAcls(), bob.createAcls([read]), bob.deleteAcls([{}])]) {
      await expect(denied).rejects.toMatchObject({ code: 'CLUSTER_AUTHORIZATION_FAILED' })
    }
    await admin.deleteAcls([{ principal: 'User:bob' }])
    expect(await bob.listTopics()).toEqual([])
  })

  test('that cannot be are refused by the broker, naming the one', async () => {
    const bad: Acl = { ...write, name: '' }
    await expect(admin.createAcls([bad])).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
    expect(await admin.describeAcls()).toEqual([])
  })
})

describe('users by the admin, over TCP', () => {
  test('are made, log in, get another password, and are deleted', async () => {
    await admin.setScramUser('carol', { password: 'first' })
    await admin.setScramUser('carol', { password: 'first', mechanism: 'SCRAM-SHA-256', iterations: 8192 })
    const [carol] = await admin.describeScramUsers(['carol'])
    expect(carol?.name).toBe('carol')
    expect([...(carol?.credentials ?? [])].sort((a, b) => a.iterations - b.iterations)).toEqual([
      { mechanism: 'SCRAM-SHA-512', iterations: 4096 },
      { mechanism: 'SCRAM-SHA-256', iterations: 8192 },
    ])
    const login = (password: string, bits: 256 | 512) => secure.connect({ sasl: scram('carol', password, bits) })
    await (await login('first', 256)).close()
    await (await login('first', 512)).close()
    await admin.setScramUser('carol', { password: 'second' })
    await (await login('second', 512)).close()
    await expect(login('first', 512)).rejects.toMatchObject({ code: 'SASL_AUTHENTICATION_FAILED' })
    await admin.deleteScramUser('carol', 'SCRAM-SHA-512')
    await expect(login('second', 512)).rejects.toMatchObject({ code: 'SASL_AUTHENTICATION_FAILED' })
    expect((await admin.describeScramUsers()).map(({ name }) => name)).toContain('carol')
    await admin.deleteScramUser('carol', 'SCRAM-SHA-256')
    await expect(admin.describeScramUsers(['carol'])).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' })
    expect((await admin.describeScramUsers()).map(({ name }) => name)).not.toContain('carol')
  })
})

test('without an authorizer ACLs are refused with SECURITY_DISABLED', async () => {
  const open = await new SecureEngine({ listeners: 'PLAINTEXT://127.0.0.1:0' }).start()
  try {
    const one = open.client({ listener: 'PLAINTEXT' }).admin()
    await expect(one.describeAcls()).rejects.toMatchObject({ code: 'SECURITY_DISABLED' })
  } finally {
    await open.stop()
  }
})
