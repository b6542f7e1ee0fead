import { defineTopology, json, string, topic, tumbling, windowed } from '@millrace/streams'
import { topologyDriver } from '@millrace/testkit'
import { filter, mergeMap } from 'rxjs'
import { expect, test } from 'vitest'

interface Post {
  readonly tags: readonly string[]
}

const posts = topic('posts', { key: string(), value: json<Post>() })
const trending = topic('trending', { key: windowed(string(), { minutes: 1 }), value: json<number>() })

const hashtags = defineTopology('hashtags', ({ stream }) => {
  stream(posts)
    .pipe(
      mergeMap((post) => post.tags),
      filter((tag) => tag.length > 1),
    )
    .groupBy((tag) => tag, { key: string(), value: string() })
    .windowedBy(tumbling({ minutes: 1 }).grace({ seconds: 5 }))
    .count({ store: 'tags-per-minute' })
    .toStream()
    .to(trending)
})

test('the first program: tags per minute, over two partitions', async () => {
  await using driver = topologyDriver(hashtags, { partitions: 2 })
  driver.in(posts, [
    { key: 'a', value: { tags: ['ts', 'rx', 'x'] }, timestampMs: 1000 },
    { key: 'b', value: { tags: ['ts'] }, timestampMs: 59_999 },
    { key: 'c', value: { tags: ['ts'] }, timestampMs: 60_000 },
  ])
  expect(driver.out(trending)).toEqual([])
  expect(driver.windows('tags-per-minute').get('ts', 0)).toBe(2)
  driver.commit()
  const out = driver.out(trending).map(({ key, value, timestampMs }) => [key?.key, key?.start, value, timestampMs])
  expect(out.sort()).toEqual([
    ['rx', 0, 1, 1000],
    ['ts', 0, 2, 59_999],
    ['ts', 60_000, 1, 60_000],
  ])
})

test('a crash forgets what was not committed, reads it again, and comes to the same', async () => {
  await using driver = topologyDriver(hashtags)
  driver.in(posts, { key: 'a', value: { tags: ['ts'] }, timestampMs: 1000 })
  driver.commit()
  driver.in(posts, { key: 'a', value: { tags: ['ts'] }, timestampMs: 2000 })
  await driver.crash({ state: 'delete' })
  expect(driver.restored).toBeGreaterThan(0)
  expect(driver.windows('tags-per-minute').entries()).toEqual([
    { key: 'ts', start: 0, end: 60_000, value: 2, timestampMs: 2000 },
  ])
})

test('names that are not in the topology are refused', async () => {
  await using driver = topologyDriver(hashtags)
  expect(() => driver.in('pots', { key: null, value: null })).toThrow(/pots/)
  expect(() => driver.out('posts')).toThrow(/no sink/)
  expect(() => driver.table('tags-per-minute')).toThrow(/driver.windows/)
})
