import { defineSource } from '@millrace/connect-api'

/** Numbers sent after a position is known to be stored, whose own may be or not, when the thread dies. */
const beyond = 100

/**
 * Emits the numbers below `to`. Its thread dies once, soon after `dieAt`, with positions stored up to some number before: on
 * its way it waits until one is stored, or it would begin at 0 again and die again.
 */
export const fallingNumbers = defineSource({
  name: 'falling-numbers',
  config: {
    required: ['topic', 'to', 'dieAt'],
    properties: { topic: { type: 'string' }, to: { type: 'integer' }, dieAt: { type: 'integer' } },
  },
  start(context) {
    const { topic, to, dieAt } = context.config
    const first = context.storedOffset({})?.next ?? 0
    let next = first
    let stored = false
    return {
      async committed() {
        stored = true
      },
      async poll(out) {
        if (first === 0 && next === dieAt && !stored) return 'idle'
        if (first === 0 && dieAt >= 0 && next === dieAt + beyond) process.exit(7)
        await out.send({
          topic,
          partition: 0,
          key: null,
          keySchema: null,
          value: next,
          valueSchema: null,
          timestamp: 0,
          headers: [],
        })
        out.position({}, { next: ++next })
        return next < to ? 'more' : 'end'
      },
    }
  },
})
