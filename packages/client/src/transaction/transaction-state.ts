/** Where a transactional producer stands. The names are those of Java's TransactionManager. */
export type TransactionState =
  /** No producer id yet. */
  | 'uninitialized'
  | 'initializing'
  /** No transaction is open. */
  | 'ready'
  | 'in-transaction'
  | 'committing'
  | 'aborting'
  /** The open transaction cannot be committed any more. */
  | 'abortable-error'
  /** Nothing can be written under this identity any more. */
  | 'fatal-error'

export type TransactionEvent =
  /** `initTransactions` was called. */
  | 'init'
  /** A producer id has come. */
  | 'initialized'
  /** None has come, and asking again is allowed. */
  | 'not-initialized'
  | 'begin'
  | 'commit'
  | 'abort'
  /** The coordinator has ended the transaction, or there was nothing to end. */
  | 'ended'
  /** Something failed that an abort mends. */
  | 'abortable'
  | 'fatal'

/**
 * ```text
 *  uninitialized ──init──▶ initializing ──initialized──▶ ready ◀───────ended─────────┐
 *        ▲                      │                         │ begin                     │
 *        └───not-initialized────┘                         ▼            commit         │
 *                                                  in-transaction ──────────────▶ committing
 *                                                    │      │ abortable              │
 *                                                    │      ▼          abortable     │
 *                                                    │ abortable-error ◀─────────────┘
 *                                              abort ▼      │ abort
 *                                                 aborting ◀┘ ──ended──▶ ready
 * ```
 *
 * `fatal` leads from everywhere to `fatal-error`. A call that ran out of time is made again: init, commit and abort lead
 * from where they lead to itself.
 */
const transitions: Readonly<Record<TransactionState, Partial<Record<TransactionEvent, TransactionState>>>> = {
  uninitialized: { init: 'initializing', fatal: 'fatal-error' },
  initializing: {
    init: 'initializing',
    initialized: 'ready',
    'not-initialized': 'uninitialized',
    fatal: 'fatal-error',
  },
  ready: { begin: 'in-transaction', fatal: 'fatal-error' },
  'in-transaction': { commit: 'committing', abort: 'aborting', abortable: 'abortable-error', fatal: 'fatal-error' },
  committing: { commit: 'committing', ended: 'ready', abortable: 'abortable-error', fatal: 'fatal-error' },
  // Whatever fails now is thrown away anyway.
  aborting: { abort: 'aborting', ended: 'ready', abortable: 'aborting', fatal: 'fatal-error' },
  'abortable-error': { abort: 'aborting', abortable: 'abortable-error', fatal: 'fatal-error' },
  'fatal-error': { fatal: 'fatal-error' },
}

/** The state that an event leads to; undefined where it may not happen. */
export function nextState(state: TransactionState, event: TransactionEvent): TransactionState | undefined {
  return transitions[state][event]
}

/** What to type where a call is refused in a state. */
export function adviceIn(state: TransactionState): string {
  switch (state) {
    case 'uninitialized':
      return 'Call initTransactions() first.'
    case 'initializing':
      return 'initTransactions() has not finished: await it, or call it again.'
    case 'ready':
      return 'No transaction is open: call beginTransaction() first.'
    case 'in-transaction':
      return 'A transaction is open: end it with commitTransaction() or abortTransaction().'
    case 'committing':
      return 'commitTransaction() has not finished: await it, or call it again.'
    case 'aborting':
      return 'abortTransaction() has not finished: await it, or call it again.'
    case 'abortable-error':
      return 'Call abortTransaction(), then begin anew.'
    case 'fatal-error':
      return 'Close this producer and make another one.'
  }
}
