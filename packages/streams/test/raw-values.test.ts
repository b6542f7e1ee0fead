import { Buffer } from 'node:buffer'
import { defineTopology, json, string, topic } from '@millrace/streams'
import { topologyDriver } from '@millrace/testkit'
import { expect, test } from 'vitest'

interface Order {
  readonly id: number
}

const odd = '{ "id" :  1 }'

const orders = topic('orders', { key: string(), value: json<Order>() })
const copies = topic('copies', { key: string(), value: json<Order>() })
const schema = { type: 'object', required: ['id'], properties: { id: { type: 'integer' } } }
const checked = topic('checked', { key: string(), value: json<Order>({ schema }) })

test('a value that nobody replaced goes on byte for byte; one whose sink has a schema is written anew', async () => {
  const topology = defineTopology('copy', ({ stream }) => {
    const source = stream(orders).filter(({ id }) => id > 0)
    source.to(copies)
    source.to(checked)
  })
  await using driver = await topologyDriver(topology)
  driver.rawIn('orders', [{ key: Buffer.from('a'), value: Buffer.from(odd), timestampMs: 1 }])
  await driver.commit()
  expect(driver.rawOut('copies').map(({ value }) => value?.toString())).toEqual([odd])
  expect(driver.rawOut('checked').map(({ value }) => value?.toString())).toEqual(['{"id":1}'])
})
