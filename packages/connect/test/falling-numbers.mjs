import { defineSource } from '@millrace/connect-api'

/** Emits the numbers below `to`. Its thread dies once, at `dieAt`, with positions stored up to some number before. */
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
    return {
      async poll(out) {
        if (first === 0 && next === dieAt) process.exit(7)
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
