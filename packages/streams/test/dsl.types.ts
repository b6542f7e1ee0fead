/**
 * What must not compile. Checked by `npm run types`: each `@ts-expect-error` is an error where the line below it
 * compiles. Never run.
 */
import { defineTopology, json, long, string, topic, tumbling, type Windowed, windowed } from '@millrace/streams'
import { filter, map } from 'rxjs'

interface Order {
  readonly user: string
  readonly cents: number
}

const orders = topic('orders', { key: string(), value: json<Order>() })
const users = topic('users', { key: string(), value: json<{ name: string }>() })
const byNumber = topic('by-number', { key: long(), value: json<{ name: string }>() })
const totals = topic('totals', { key: string(), value: long() })
const perMinute = topic('per-minute', { key: windowed(string(), { minutes: 1 }), value: long() })

defineTopology('types', ({ stream, table }) => {
  const source = stream(orders)
  const known = table(users, { store: 'users' })
  const numbered = table(byNumber, { store: 'by-number' })

  // What works.
  source
    .pipe(filter(({ cents }) => cents > 0))
    .groupByKey()
    .reduce((a) => a, { store: 'last' })
  source
    .groupBy((order) => order.user, { key: string() })
    .count({ store: 'orders-per-user' })
    .toStream()
    .to(totals)
  source
    .groupByKey()
    .windowedBy(tumbling({ minutes: 1 }))
    .count({ store: 'windows' })
    .toStream()
    .to(perMinute)
  source.mapValues(({ cents }) => cents, long()).to(totals)
  source
    .pipe(map(({ cents }) => cents))
    .groupByKey({ value: long() })
    .reduce((a, b) => a + b, { store: 'cents' })
  source.join(known, (order, user, key) => ({ order, name: user.name.concat(key) }))
  source.leftJoin(known, (order, user) => ({ order, name: user?.name ?? null }))

  // @ts-expect-error a stream that is not grouped has nothing to count by
  source.count({ store: 'x' })

  // @ts-expect-error the value has changed its type, so its serde is not known
  source.pipe(map(({ cents }) => cents)).groupByKey()

  // @ts-expect-error the same after mapValues
  source.mapValues(({ cents }) => cents).groupByKey()

  // @ts-expect-error the value has changed its type: groupBy needs both serdes
  source.pipe(map(({ cents }) => cents)).groupBy((cents) => cents % 2, { key: long() })

  // @ts-expect-error the new key needs its serde
  source.groupBy((order) => order.user, {})

  // @ts-expect-error the new key has another type, so its serde is not known
  source.selectKey(({ cents }) => cents).groupByKey({ name: 'x' })

  // @ts-expect-error map gives neither serde
  source.map((order) => [order.user, order.cents] as const).repartition({ name: 'x' })

  // @ts-expect-error keys of different types never meet
  source.join(numbered, (order) => order)

  // @ts-expect-error in a left join there may be no user
  source.leftJoin(known, (order, user) => ({ order, name: user.name }))

  // @ts-expect-error the topic holds numbers, the stream orders
  source.to(totals)

  const grouped = source.groupByKey()
  const counted = grouped
    .windowedBy(tumbling({ minutes: 1 }))
    .count({ store: 'x' })
    .toStream()
  const sum = (cents: number, order: Order) => cents + order.cents

  // @ts-expect-error a windowed table has windowed keys
  counted.to(totals)

  // @ts-expect-error an aggregate's value is new and needs its serde
  grouped.aggregate(() => 0, sum, { store: 'x' })

  // @ts-expect-error the serde must be the aggregate's
  grouped.aggregate(() => 0, sum, { store: 'x', value: string() })

  // @ts-expect-error a duration has parts
  tumbling(60)

  const cents = map((order: Order) => order.cents)
  const long5 = filter((text: string) => text.length > 5)

  // @ts-expect-error an operator takes what the one before gives
  source.pipe(cents, long5)

  // @ts-expect-error a record may have no key
  source.mapValues((order, key) => key.length + order.cents)

  // @ts-expect-error merged streams of different values have no serde for both
  source.merge(stream(totals)).groupByKey()

  // A filter that narrows keeps the serde: the values are the same objects.
  source
    .filter((order): order is Order & { user: 'me' } => order.user === 'me')
    .groupByKey()
    .count({ store: 'mine' })

  source
    .groupByKey()
    .windowedBy(tumbling({ minutes: 1 }))
    .count({ store: 'keys' })
    .toStream()
    .forEach((_count, key: Windowed<string> | null) => void key?.start.toFixed())
})

// @ts-expect-error a topic needs both serdes
topic('x', { key: string() })
