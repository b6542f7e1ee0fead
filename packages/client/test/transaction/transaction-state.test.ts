import { expect, test } from 'vitest'
import {
  adviceIn,
  nextState,
  type TransactionEvent,
  type TransactionState,
} from '../../src/transaction/transaction-state.ts'

const states: readonly TransactionState[] = [
  'uninitialized',
  'initializing',
  'ready',
  'in-transaction',
  'committing',
  'aborting',
  'abortable-error',
  'fatal-error',
]
const events: readonly TransactionEvent[] = [
  'init',
  'initialized',
  'not-initialized',
  'begin',
  'commit',
  'abort',
  'ended',
  'abortable',
  'fatal',
]

/** Every pair of state and event; a dot is refused. Columns in the order of `events`. */
const table = `
uninitialized    initializing  .      .              .               .           .         .      .                fatal-error
initializing     initializing  ready  uninitialized  .               .           .         .      .                fatal-error
ready            .             .      .              in-transaction  .           .         .      .                fatal-error
in-transaction   .             .      .              .               committing  aborting  .      abortable-error  fatal-error
committing       .             .      .              .               committing  .         ready  abortable-error  fatal-error
aborting         .             .      .              .               .           aborting  ready  aborting         fatal-error
abortable-error  .             .      .              .               .           aborting  .      abortable-error  fatal-error
fatal-error      .             .      .              .               .           .         .      .                fatal-error
`

test('leads from every state by every event where the table says, and nowhere else', () => {
  const rows = table.trim().split('\n')
  expect(rows.map((row) => row.split(/\s+/)[0])).toEqual(states)
  for (const row of rows) {
    const [from, ...to] = row.split(/\s+/)
    const state = states.find((known) => known === from)!
    expect([from, ...events.map((event) => nextState(state, event) ?? '.')]).toEqual([from, ...to])
  }
})

test('has something to type in every state', () => {
  for (const state of states) expect(adviceIn(state)).toMatch(/\.$/)
})
