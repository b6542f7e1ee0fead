import { silentLog } from '@millrace/kernel'
import { memoryMetrics, nodeClock, nodeNet } from '@millrace/kernel/node'
import { SimDisk, SimRandom } from '@millrace/kernel/sim'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Acl, type OperationName, operations } from '../src/auth/acl.ts'
import { openSecurity } from '../src/auth/security.ts'
import { readSettings } from '../src/settings.ts'

const names = ['a', 'ab', 'abc', 'b'] as const
const principals = ['User:alice', 'User:bob'] as const
const hosts = ['1.1.1.1', '2.2.2.2'] as const
const asked: readonly OperationName[] = ['read', 'write', 'describe', 'alterConfigs', 'describeConfigs', 'delete']

const acls: fc.Arbitrary<Acl> = fc
  .record({
    resourceType: fc.constantFrom(2, 2, 2, 3),
    resourceName: fc.constantFrom(...names, '*'),
    patternType: fc.constantFrom(3, 4),
    principal: fc.constantFrom(...principals, 'User:*'),
    host: fc.constantFrom(...hosts, '*'),
    operation: fc.constantFrom(2, 3, 4, 6, 7, 8, 10, 11),
    permissionType: fc.constantFrom(2, 3, 3),
  })
  .map((acl) => (acl.resourceName === '*' ? { ...acl, patternType: 3 } : acl))

/** Kafka's rules, each as it is said: slowly, and with sets instead of loops that end early. */
function oracle(all: readonly Acl[], openWithoutAcl: boolean, who: string, host: string, what: number, name: string) {
  const onIt = all.filter(
    (acl) =>
      acl.resourceType === 2 &&
      (acl.patternType === 4 ? name.startsWith(acl.resourceName) : ['*', name].includes(acl.resourceName)),
  )
  if (onIt.length === 0) return openWithoutAcl
  const aboutMe = onIt.filter((acl) => ['User:*', who].includes(acl.principal) && ['*', host].includes(acl.host))
  const denying = aboutMe.filter((acl) => acl.permissionType === 2 && [2, what].includes(acl.operation))
  if (denying.length > 0) return false
  const enough = [2, what, ...(what === 8 ? [3, 4, 6, 7] : []), ...(what === 10 ? [11] : [])]
  return aboutMe.some((acl) => acl.permissionType === 3 && enough.includes(acl.operation))
}

async function security(openWithoutAcl: boolean, disk = new SimDisk(), seed = 1) {
  const ports = {
    clock: nodeClock(),
    disk,
    net: nodeNet(),
    random: new SimRandom(seed),
    metrics: memoryMetrics(),
    log: silentLog,
  }
  const settings = readSettings({ 'authorizer.class.name': 'acl', 'allow.everyone.if.no.acl.found': openWithoutAcl })
  return await openSecurity('/data', ports, settings)
}

test('who may do what is what the rules say, also after a restart and after removals', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(acls, { maxLength: 8 }), fc.boolean(), fc.nat(), async (given, openWithoutAcl, pick) => {
      const disk = new SimDisk()
      const first = await security(openWithoutAcl, disk)
      const check = ({ authorizer }: typeof first, all: readonly Acl[]) => {
        for (const who of principals) {
          for (const host of hosts) {
            const rights = authorizer.rightsOf(who, host)
            for (const name of names) {
              for (const operation of asked) {
                const expected = oracle(all, openWithoutAcl, who, host, operations[operation], name)
                expect(rights.may(operation, 'topic', name), `${who} ${host} ${operation} ${name}`).toBe(expected)
              }
            }
          }
        }
      }
      await first.acls.add(given)
      check(first, given)
      const one = given[pick % Math.max(1, given.length)]
      const left = given.filter((acl) => JSON.stringify(acl) !== JSON.stringify(one))
      await first.acls.remove(one === undefined ? [] : [one])
      check(first, left)
      await first.close()
      const second = await security(openWithoutAcl, disk)
      check(second, left)
      await second.close()
    }),
    { numRuns: Number(process.env['MILLRACE_PROPERTY_RUNS'] ?? 25) },
  )
})

test('a right on some topic is found where any name would do, unless a denial covers it', async () => {
  const { authorizer, acls: store, close } = await security(false)
  const alice = () => authorizer.rightsOf('User:alice', '1.1.1.1')
  const acl = { resourceType: 2, resourceName: 'abc', patternType: 3, principal: 'User:alice', host: '*' }
  expect(alice().mayOnSome('write', 'topic')).toBe(false)
  await store.add([{ ...acl, operation: operations.write, permissionType: 3 }])
  expect(alice().mayOnSome('write', 'topic')).toBe(true)
  expect(authorizer.rightsOf('User:bob', '1.1.1.1').mayOnSome('write', 'topic')).toBe(false)
  await store.add([{ ...acl, resourceName: 'ab', patternType: 4, operation: operations.all, permissionType: 2 }])
  expect(alice().mayOnSome('write', 'topic')).toBe(false)
  await store.add([{ ...acl, resourceName: 'a', patternType: 4, operation: operations.write, permissionType: 3 }])
  expect(alice().mayOnSome('write', 'topic')).toBe(true)
  await close()
})

test('an address of IPv6 is the same however an ACL spells it', async () => {
  const { authorizer, acls: store, close } = await security(false)
  const acl = {
    resourceType: 2,
    resourceName: 't',
    patternType: 3,
    principal: 'User:alice',
    operation: operations.read,
  }
  await store.add([{ ...acl, host: '*', permissionType: 3 }])
  const may = (host: string) => authorizer.rightsOf('User:alice', host).may('read', 'topic', 't')
  expect([may('::1'), may('2001:db8::1')]).toEqual([true, true])
  await store.add([{ ...acl, host: '0:0:0:0:0:0:0:1', permissionType: 2 }])
  await store.add([{ ...acl, host: '2001:0DB8:0:0::1', permissionType: 2 }])
  await store.add([{ ...acl, host: 'no: address', permissionType: 2 }])
  expect([may('::1'), may('2001:db8::1'), may('::2')]).toEqual([false, false, true])
  await close()
})

test('a name of any length is decided, and logged no longer than a topic can be called', async () => {
  const lines: string[] = []
  const warn = (_: string, fields?: object) => void lines.push(JSON.stringify(fields))
  const ports = { clock: nodeClock(), disk: new SimDisk(), net: nodeNet(), random: new SimRandom(1) }
  const log = { ...silentLog, warn }
  const settings = readSettings({ 'authorizer.class.name': 'acl' })
  const {
    authorizer,
    acls: store,
    close,
  } = await openSecurity('/data', { ...ports, metrics: memoryMetrics(), log }, settings)
  const long = 'g'.repeat(30_000)
  const may = (name: string) => authorizer.rightsOf('User:alice', '1.1.1.1').may('read', 'group', name)
  for (let i = 0; i < 100; i++) expect(may(long + i)).toBe(false)
  expect(lines.map(({ length }) => length < 500)).toEqual([true])
  // Of other names too there are so many lines a minute, however many are asked for.
  for (let i = 0; i < 1000; i++) expect(may(`g${i}`)).toBe(false)
  expect(lines).toHaveLength(100)
  expect(lines.at(-1)).toContain('more of them within a minute are counted and not logged')
  const acl = { resourceType: 3, resourceName: `${long}7`, patternType: 3, principal: 'User:alice', host: '*' }
  await store.add([{ ...acl, operation: operations.read, permissionType: 3 }])
  expect([may(`${long}7`), may(`${long}8`)]).toEqual([true, false])
  await close()
})

test('an authorizer that we do not have, and a super user that is none, are refused', async () => {
  for (const settings of [{ 'authorizer.class.name': 'ranger' }, { 'super.users': 'admin' }]) {
    const ports = { clock: nodeClock(), disk: new SimDisk(), net: nodeNet(), random: new SimRandom(1) }
    const opened = openSecurity('/data', { ...ports, metrics: memoryMetrics(), log: silentLog }, readSettings(settings))
    await expect(opened).rejects.toMatchObject({ code: 'CONFIG' })
  }
})
