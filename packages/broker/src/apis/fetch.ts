import { setMaxListeners } from 'node:events'
import type { RequestContext, RequestOf, ResponseOf } from '@millrace/protocol/internal'
import type { Engine, Handler } from '../engine.ts'
import { type FetchPass, FetchPlan, type TopicAnswer } from '../fetch-plan.ts'
import { wire } from '../wire-error.ts'
import { untilClosed } from './until-closed.ts'

/**
 * Whole batches, as they lie in the log. Waits up to `maxWaitMs` for `minBytes`; ends at once for an error, or when
 * the connection is gone. Within a session (KIP-227) the request names what has changed and the answer what is news.
 */
export const answerFetch: Handler<'fetch'> = (engine, context, request) => {
  const room = context.memory?.room()
  if (room === undefined) return readAndAnswer(engine, context, request)
  // Whoever is gone is not read for, nor kept until others give back what he waits for.
  const mayRead = untilClosed(
    context.closed,
    room.then(() => true),
    () => false,
  )
  return mayRead.then((may) => (may ? answerFetch(engine, context, request) : answer(0, [])))
}

const readAndAnswer: Handler<'fetch'> = (engine, context, request) => {
  const turn = engine.fetchSessions.turn(request, context)
  if (turn.refused !== undefined) return answer(0, [], wire(turn.refused))
  const plan = new FetchPlan(engine, { ...request, topics: turn.topics }, context)
  const told = (topics: readonly TopicAnswer[]) => {
    plan.readAhead()
    const news = turn.told(topics)
    return answer(news.sessionId, news.topics, news.refused === undefined ? 0 : wire(news.refused))
  }
  const first = plan.read()
  if (first.failed || first.bytes >= request.minBytes || request.maxWaitMs <= 0) return told(first.topics)
  return poll(engine, context, request, plan).then(told)
}

function poll(
  engine: Engine,
  context: RequestContext,
  request: RequestOf<'fetch'>,
  plan: FetchPlan,
): Promise<readonly TopicAnswer[]> {
  return new Promise((resolve, reject) => {
    let growth: { cancel(): void } | undefined
    let over = false
    const finish = (last: () => FetchPass) => {
      if (over) return
      over = true
      timer.cancel()
      growth?.cancel()
      context.closed.removeEventListener('abort', giveUp)
      try {
        resolve(last().topics)
      } catch (error) {
        reject(error)
      }
    }
    /** True if `then` is called later, once there is memory to read into. */
    const isCrowded = (then: () => void): boolean => {
      const room = over ? undefined : context.memory?.room()
      void room?.then(then)
      return room !== undefined
    }
    const giveUp = () => {
      if (context.closed.aborted && context.memory?.room() !== undefined) finish(() => nothing)
      else if (!isCrowded(giveUp)) finish(() => plan.readAgain())
    }
    const wait = () => {
      plan.letGo()
      let woken = false
      // Looks after the whole produce request has been written, not after the first of its partitions.
      growth = plan.whenGrown(() => {
        if (!woken) queueMicrotask(look)
        woken = true
      })
    }
    const look = () => {
      if (over) return
      growth?.cancel()
      if (isCrowded(look)) return
      const pass = plan.readAgain()
      if (pass.failed || pass.bytes >= request.minBytes) finish(() => pass)
      else wait()
    }
    const timer = engine.ports.clock.after(request.maxWaitMs, giveUp)
    setMaxListeners(0, context.closed) // many polls may wait on one connection: that is no leak
    context.closed.addEventListener('abort', giveUp)
    wait()
    if (context.closed.aborted) giveUp()
  })
}

const nothing: FetchPass = { topics: [], bytes: 0, failed: false }

function answer(sessionId: number, responses: readonly TopicAnswer[], errorCode = 0): ResponseOf<'fetch'> {
  return { throttleTimeMs: 0, errorCode, sessionId, responses, nodeEndpoints: [] }
}
