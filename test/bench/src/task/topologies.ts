import { defineTopology, json, string, type Topology, topic } from '@millrace/streams'

export interface Order {
  readonly id: number
  readonly customer: string
  readonly product: string
  readonly quantity: number
  readonly price: number
  readonly placedAt: string
  readonly note: string
}

export const orders = topic('orders', { key: string(), value: json<Order>() })
const out = topic('out', { key: string(), value: json<Order>() })

/** Parsed, one field changed, written again. */
export const changed: Topology = defineTopology('changed', ({ stream }) => {
  stream(orders)
    .mapValues(({ id, customer, product, quantity, price, placedAt, note }): Order => {
      return { id, customer, product, quantity, price: price + 1, placedAt, note }
    })
    .to(out)
})

/** Copied on as bytes. */
export const copied: Topology = defineTopology('copied', ({ stream }) => {
  stream(orders).to(out)
})

/** Counted by key: the value is never decoded. */
export const counted: Topology = defineTopology('counted', ({ stream }) => {
  stream(orders).groupByKey().count({ store: 'counts' })
})
