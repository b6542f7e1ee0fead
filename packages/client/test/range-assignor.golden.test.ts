import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { rangeAssignor } from '../src/index.ts'

const cases = readFileSync(new URL('./golden/range-by-rack.txt', import.meta.url), 'utf8')
  .trim()
  .split('\n')

/** `a=r1.r2,r1|b=r2#m0:instance:rack:a.b|m1:::b`: topics with the racks of their partitions, then members. */
async function divided(given: string): Promise<string> {
  const [topicsText = '', membersText = ''] = given.split('#')
  const topics = new Map(
    topicsText.split('|').map((text) => {
      const [name = '', rows = ''] = text.split('=')
      return [name, rows.split(',').map((racks) => racks.split('.').filter((rack) => rack !== ''))]
    }),
  )
  const members = membersText.split('|').map((text) => {
    const [memberId = '', groupInstanceId = '', rackId = '', names = ''] = text.split(':')
    const known = { groupInstanceId: groupInstanceId || null, rackId: rackId || null, topics: names.split('.') }
    return { memberId, ...known, userData: null, ownedPartitions: [] }
  })
  const assignments = await rangeAssignor().assign(members, {
    partitionsOf: (topic) => topics.get(topic)?.length,
    racksOf: (topic, partition) => topics.get(topic)?.[partition] ?? [],
  })
  const inOrder = [...assignments].sort(([a], [b]) => (a < b ? -1 : 1))
  return inOrder
    .map(([id, { partitions }]) => `${id}=${partitions.map((at) => `${at.topic}-${at.partition}`).join(' ')}`)
    .join('|')
}

describe('range by rack', () => {
  it('divides as that of Apache Kafka does', async () => {
    expect(cases.length).toBeGreaterThan(100)
    for (const line of cases) {
      const [given = '', expected = ''] = line.split(' -> ')
      expect(`${given} -> ${await divided(given)}`).toBe(`${given} -> ${expected}`)
    }
  })
})
